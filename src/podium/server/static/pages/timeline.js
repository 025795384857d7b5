// A run over time: a row for each step, or a strip for many; who owned it; what was lost and done again.

import { patterns, svg } from "../lib/charts.js";
import { html } from "../lib/html.js";
import { empty } from "../lib/parts.js";
import { countStates, longestChain } from "../lib/record.js";
import { icon, sign, state } from "../lib/signs.js";
import { count, hms, many, millis, now, span, zoneName } from "../lib/words.js";
import { fan } from "./fan.js";

const MANY = 6; // more steps of a function than this are one strip
const BIN = 3; // pixels of a strip that are counted together
const LABEL = 250;
const GAP = 104;
const FILL = {
  succeeded: "f-done",
  running: "f-running",
  waiting: "f-waiting",
  failed: "f-failed",
  retrying: "f-retrying",
};

export function timeline({ run, record, draw, pick, isPicked }) {
  let by = "function";
  let fold = true;
  let chain = false;
  let zoom = null; // [from, to] in milliseconds
  let brush = null; // [from, to] in pixels of the bars, while it is dragged
  const open = new Set();

  // One that has ended, and one that stands until a person decides, grow no further.
  const isLive = () => !run().ended && run().state !== "parked";
  const end = () => (isLive() ? now() : (record.to ?? Date.parse(run().ended)));

  // Where a time stands: stretches in which nothing ran are folded to a fixed width, but never in a zoom.
  function scale(width) {
    const from = zoom ? zoom[0] : record.from;
    const to = Math.max(from + 1, zoom ? zoom[1] : Math.max(record.to, end()));
    const gaps = zoom || !fold ? [] : idle(from, to);
    const each = gaps.length > 3 ? 70 : GAP;
    const busy = to - from - gaps.reduce((sum, [a, b]) => sum + b - a, 0);
    const k = Math.max(1, width - gaps.length * each) / busy;
    const x = (t) => {
      let px = 0;
      let at = from;
      for (const [a, b] of gaps) {
        if (t <= a) break;
        px += (a - at) * k + (t < b ? (each * (t - a)) / (b - a) : each);
        at = b;
        if (t < b) return px;
      }
      return Math.max(-4, Math.min(width + 4, px + (t - at) * k));
    };
    return { x, gaps, width, from, to, k };
  }
  function idle(from, to) {
    const ran = [];
    for (const step of record.steps)
      for (const attempt of step.tries) if (!attempt.wait) ran.push([attempt.begin, attempt.end ?? to]);
    ran.sort((a, b) => a[0] - b[0]);
    const whole = [];
    for (const [a, b] of ran) {
      const last = whole[whole.length - 1];
      if (last && a <= last[1]) last[1] = Math.max(last[1], b);
      else whole.push([a, b]);
    }
    if (!whole.length) return []; // it has only waited: nothing is left to be seen beside the fold
    const busy = whole.reduce((sum, [a, b]) => sum + b - a, 0);
    if (!busy) return [];
    const gaps = [];
    let at = from;
    for (const [a, b] of [...whole, [to, to]]) {
      if (a - at > Math.max(0.3 * busy, 5000)) gaps.push([at, a]);
      at = Math.max(at, b);
    }
    return gaps;
  }

  const mark = (x, width, y, height, className) =>
    html`<rect class=${className} x=${x.toFixed(1)} y=${y} width=${width.toFixed(1)} height=${height} rx="2"/>`;
  const bar = (step, attempt, X, y, height) => {
    const to = attempt.end ?? X.to;
    if (to < X.from || attempt.begin > X.to) return null;
    const a = X.x(attempt.begin);
    const b = Math.max(X.x(to), a + 2);
    if (attempt.wait)
      return html`<line class="k-waiting" stroke-width="3" stroke-dasharray="1 5" stroke-linecap="round" x1=${a + 2} x2=${Math.max(a + 2, b - 2)} y1=${y + height / 2} y2=${y + height / 2}/>`;
    const pattern = { failed: "url(#cross)", lost: "url(#lost)" }[attempt.state];
    const tip = `try ${attempt.n}: ${attempt.state}${attempt.why ? ` · ${attempt.why}` : ""}\n${millis(attempt.begin)} ${zoneName(attempt.begin)} · ${span((to - attempt.begin) / 1000)}`;
    return html`<rect class="b ${pattern ? "" : FILL[attempt.state]}" fill=${pattern ?? null} x=${a.toFixed(1)} y=${y} width=${(b - a).toFixed(1)} height=${height} rx="2" data-tip=${tip} onclick=${() => pick(step)}/>`;
  };
  const dots = (a, b, y) =>
    html`<line class="k-retrying" stroke-width="2" stroke-dasharray="1 4" stroke-linecap="round" x1=${a} x2=${b} y1=${y} y2=${y}/>`;
  const chained = (steps, X, on, y) =>
    on &&
    steps
      .filter((step) => on.has(step))
      .map((step) => {
        const a = step.tries[0].begin;
        const b = step.tries[step.tries.length - 1].end;
        return b < X.from || a > X.to ? null : mark(X.x(a), Math.max(1, X.x(b) - X.x(a) - 1), y, 2, "f-ink");
      });

  function stepBars(step, X, on, height = 26) {
    const parts = [];
    step.tries.forEach((attempt, i) => {
      const before = step.tries[i - 1];
      if (before && before.end != null && X.x(attempt.begin) - X.x(before.end) > 3)
        parts.push(dots(X.x(before.end) + 2, X.x(attempt.begin) - 1, height / 2));
      parts.push(bar(step, attempt, X, 6, height - 12));
    });
    const last = step.tries[step.tries.length - 1];
    const to = last.end ?? X.to;
    if (step.state === "retrying") parts.push(dots(X.x(to) + 3, Math.max(X.x(to) + 4, X.width - 2), height / 2));
    else if (to > X.from && step.tries[0].begin < X.to) {
      const text = `${span((to - step.tries[0].begin) / 1000)}${step.tries.length > 1 ? `, ${step.tries.length} tries` : ""}`;
      // Behind the last try, before the first, or over the dots between them: never over a bar.
      const [first, next] = step.tries;
      const right = X.x(to) < X.width - 110;
      const left = !right && X.x(first.begin) > 110;
      const x = right ? X.x(to) + 6 : left ? X.x(first.begin) - 6 : X.x(first.end ?? to) + 8;
      const room = right || left || (next && X.x(next.begin) - x > 90);
      if (room)
        parts.push(
          html`<text class=${right || left ? "" : "halo"} x=${x} y=${height / 2 + 4} text-anchor=${left ? "end" : "start"}>${text}</text>`,
        );
    }
    return svg(X.width, height, [parts, chained([step], X, on, 2)], `${step.fn}: ${step.state}`);
  }

  // Many steps: how many tries are in flight per three pixels; below, ticks for failed tries; through, what failed for good.
  function strip(steps, X, on, height = 30) {
    const n = Math.ceil(X.width / BIN);
    const flying = new Float32Array(n);
    const again = new Uint16Array(n);
    const lost = new Uint16Array(n);
    const going = new Uint8Array(n);
    const bin = (t) => Math.max(0, Math.min(n - 1, Math.floor(X.x(t) / BIN)));
    for (const step of steps) {
      for (const attempt of step.tries) {
        const to = attempt.end ?? X.to;
        if (to < X.from || attempt.begin > X.to) continue;
        const last = bin(to);
        for (let i = bin(attempt.begin); i <= last; i += 1) flying[i] += 1;
        if (attempt.end == null) going[last] = 1;
        else if (attempt.state === "failed") again[last] += 1;
        else if (attempt.state === "lost") lost[last] += 1;
      }
    }
    const most = flying.reduce((a, b) => Math.max(a, b), 1);
    const parts = [];
    for (let i = 0; i < n; i += 1) {
      if (!flying[i]) continue;
      const width = Math.min(BIN, X.width - i * BIN).toFixed(1);
      parts.push(
        html`<rect class=${going[i] ? "f-running" : "f-done"} opacity=${(0.22 + 0.78 * (flying[i] / most)).toFixed(2)} x=${i * BIN} y="5" width=${width} height=${height - 13}/>`,
      );
    }
    for (let i = 0; i < n; i += 1) {
      if (again[i]) parts.push(html`<rect class="f-retrying" x=${i * BIN} y=${height - 7} width="2" height="5"/>`);
      if (lost[i])
        parts.push(html`<rect fill="url(#lost)" x=${Math.max(0, i * BIN - 7)} y="5" width="8" height=${height - 13}/>`);
    }
    for (const step of steps) {
      if (step.state !== "failed") continue;
      const at = step.tries[step.tries.length - 1].end;
      if (at >= X.from && at <= X.to)
        parts.push(html`<rect class="f-failed" x=${(X.x(at) - 1.5).toFixed(1)} y="1" width="3" height=${height - 6}/>`);
    }
    return svg(
      X.width,
      height,
      [parts, chained(steps, X, on, 1)],
      `${many(steps.length, "step")} over time, at most ${count(most)} at once`,
    );
  }

  // -- the ruler, the owners, the rows ------------------------------------------------------------------------------------
  function stretches(X) {
    const parts = [];
    let from = X.from;
    for (const [a, b] of X.gaps) {
      parts.push([from, a]);
      from = b;
    }
    return [...parts, [from, X.to]];
  }
  function ruler(X) {
    const texts = [];
    const lines = [];
    const [first, ...rest] = stretches(X);
    const pixels = X.x(first[1]) - X.x(first[0]);
    if (pixels >= 30) {
      const raw = (((first[1] - first[0]) / 1000) * 90) / pixels;
      const power = 10 ** Math.floor(Math.log10(raw));
      const every = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
      const base = zoom ? (X.from - record.from) / 1000 : 0;
      for (let t = Math.ceil(base / every - 1e-9) * every; t <= base + (first[1] - first[0]) / 1000; t += every) {
        const x = X.x(record.from + t * 1000);
        if (x > X.width - 40) continue;
        const text = t === 0 ? "0 s" : span(Number(t.toPrecision(6)));
        if (!X.gaps.length || x + 3 + 7 * text.length < X.x(first[1]))
          texts.push(html`<text x=${(x + 3).toFixed(1)} y="12">${text}</text>`);
        lines.push(html`<line class="k-line" x1=${x.toFixed(1)} x2=${x.toFixed(1)} y1="0" y2="100%"/>`);
      }
    }
    for (const [a, b] of X.gaps) {
      lines.push(
        html`<rect class="foldbg" x=${X.x(a).toFixed(1)} width=${(X.x(b) - X.x(a)).toFixed(1)} y="0" height="100%"/>`,
      );
      texts.push(
        html`<text class="strong" x=${((X.x(a) + X.x(b)) / 2).toFixed(1)} y="12" text-anchor="middle">${span((b - a) / 1000)}</text>`,
      );
    }
    for (const [a, b] of rest)
      if (X.x(b) - X.x(a) > 80) texts.push(html`<text x=${(X.x(a) + 3).toFixed(1)} y="12">${hms(a)}</text>`);
    return { texts, lines };
  }
  // When another engine went on: its first sign; of one that has given none the moment when the run was free for it.
  const taken = (turn) => turn.taken ?? (run().ended || run().owners.length ? turn.at : null);
  function owners() {
    const turns = record.takeovers;
    return [record.from, ...turns.map((turn) => taken(turn) ?? end())].map((from, i) => ({
      who: ownerName(i, turns.length),
      from,
      to: turns[i] ? turns[i].lost : end(),
      end: turns[i] ? "lost" : null,
    }));
  }
  // The engine that drives it now is known by its process, one that was lost by its id.
  function ownerName(i, last) {
    const owner = run().owners[0];
    if (i === last && owner) return `engine ${owner.engine}, pid ${owner.pid}`;
    if (i < last) return `engine ${record.takeovers[i].engine}`;
    return last && run().ended ? "another engine" : "";
  }
  function ownerRow(X, list) {
    const parts = [];
    list.forEach((owner, i) => {
      if (owner.to < X.from || owner.from > X.to) return;
      const a = Math.max(0, X.x(owner.from));
      const width = Math.max(2, Math.min(X.width, X.x(owner.to)) - a - 1);
      parts.push(html`<rect class="own" x=${a.toFixed(1)} y="3" width=${width.toFixed(1)} height="14" rx="2"/>`);
      if (width > 9 * owner.who.length && owner.who)
        parts.push(html`<text class="strong" x=${(a + (i ? 12 : 6)).toFixed(1)} y="14">${owner.who}</text>`);
      const next = list[i + 1];
      if (next && next.from - owner.to > 0)
        parts.push(
          html`<rect fill="url(#lost)" x=${X.x(owner.to).toFixed(1)} y="5" width=${Math.max(2, X.x(next.from) - X.x(owner.to)).toFixed(1)} height="10"/>`,
        );
    });
    for (const turn of record.takeovers) {
      if (turn.at < X.from || turn.at > X.to) continue;
      const x = X.x(turn.at);
      parts.push(
        html`<g data-tip=${`engine ${turn.engine} was gone\nfreed of it ${millis(turn.at)} ${zoneName(turn.at)}`}><circle class="f-failed" cx=${x.toFixed(1)} cy="10" r="6"/><path class="k-panel" stroke-width="1.6" d="M${x - 2.4} 7.6l4.8 4.8m0-4.8l-4.8 4.8"/></g>`,
      );
    }
    return svg(X.width, 20, parts, `Owners: ${list.map((owner) => owner.who || "one").join(", then ")}`);
  }

  const mainState = (counts) =>
    ["failed", "retrying", "running", "waiting"].find((name) => counts[name]) ?? "succeeded";
  function rows(X, on) {
    return record.groups(by).map((group) => {
      const counts = countStates(group.steps);
      if (group.steps.length <= MANY) {
        return group.steps.map(
          (step) => html`<div class="tl-row ${isPicked(step) ? "on" : ""}" key=${step.key}>
          <button type="button" class="tl-lab" onclick=${() => pick(step)}>${sign(step.state)}<span class="nm clip name">${step.fn}</span>${step.call && html`<span class="arg clip">${step.call.replace(/^[^(]*/, "")}</span>`}</button>${stepBars(step, X, on)}</div>`,
        );
      }
      const isOpen = open.has(group.name);
      const turn = () => {
        if (!open.delete(group.name)) open.add(group.name);
        draw();
      };
      return [
        html`<div class="tl-row" key="group ${group.name}"><button type="button" class="tl-lab" aria-expanded=${isOpen} onclick=${turn}>${icon(isOpen ? "down" : "next")}${sign(mainState(counts))}<span class="nm clip name">${group.name} <span class="dim">×${count(group.steps.length)}</span></span>
        <span class="n">${counts.failed && state("failed", count(counts.failed))}${counts.retrying && state("retrying", count(counts.retrying))}</span></button>${strip(group.steps, X, on)}</div>`,
        isOpen && fan(group, pick),
      ];
    });
  }

  // Drag over the bars to look closer; by keys: + and -, arrows, Escape.
  function grab(event) {
    const bars = event.target.closest(".tl-row > svg");
    if (!bars || event.button) return;
    const box = bars.getBoundingClientRect();
    const begin = event.clientX - box.left;
    const X = scale(box.width);
    const move = (moved) => {
      const here = Math.max(0, Math.min(box.width, moved.clientX - box.left));
      brush = Math.abs(here - begin) > 6 ? [Math.min(begin, here), Math.max(begin, here)] : null;
      draw();
    };
    const leave = () => {
      removeEventListener("pointermove", move);
      if (brush) zoom = brush.map((pixel) => timeAt(X, pixel));
      brush = null;
      draw();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", leave, { once: true });
  }
  function timeAt(X, pixel) {
    let low = X.from;
    let high = X.to;
    for (let i = 0; i < 40; i += 1) {
      const middle = (low + high) / 2;
      if (X.x(middle) < pixel) low = middle;
      else high = middle;
    }
    return low;
  }
  function closer(factor, shift = 0) {
    const from = zoom ? zoom[0] : record.from;
    const to = zoom ? zoom[1] : Math.max(record.to, end());
    const half = ((to - from) * factor) / 2;
    const middle = (from + to) / 2 + shift * (to - from);
    const next = [Math.max(record.from, middle - half), Math.min(Math.max(record.to, end()), middle + half)];
    zoom = next[1] - next[0] > 0.98 * (Math.max(record.to, end()) - record.from) ? null : next;
    draw();
  }

  function view(width) {
    if (!record.steps.length && !record.takeovers.length) {
      return html`<div class="panel">${empty("Nothing is on record yet", isLive() ? "Steps appear here as they are recorded. Why tells what it waits for." : "This run ended before a step was recorded.", `podium why ${run().id}`)}</div>`;
    }
    const narrow = innerWidth <= 760;
    const X = scale(Math.max(180, width - 30 - (narrow ? 0 : LABEL)));
    const { texts, lines } = ruler(X);
    const longest = chain ? longestChain(record) : null;
    const list = owners();
    const seg = (value, label) =>
      html`<button type="button" aria-pressed=${by === value} onclick=${() => {
        by = value;
        draw();
      }}>${label}</button>`;
    const check = (label, value, set, className = "") =>
      html`<label class="check small ${className}"><input type="checkbox" checked=${value} onchange=${(event) => {
        set(event.target.checked);
        draw();
      }}/>${label}</label>`;
    const turn = record.takeovers[0];
    const waited = turn && taken(turn) ? `taken over after ${span((taken(turn) - turn.lost) / 1000)}` : "lost, not taken over";
    return html`<section class="panel tl" aria-label="Timeline">${patterns()}<div class="tl-bar"><span class="seg" role="group" aria-label="Rows">${seg("function", "By function")}${seg("branch", "By branch")}</span>
      ${
        zoom &&
        html`<button type="button" class="btn sm" onclick=${() => {
          zoom = null;
          draw();
        }}>${span((zoom[1] - zoom[0]) / 1000)} of ${span((Math.max(record.to, end()) - record.from) / 1000)}: show all</button>`
      }
      ${check("Fold idle time", fold, (on) => (fold = on))}${check("Longest chain", chain, (on) => (chain = on), "p2")}${longest && html`<span class="small dim">${longest.say}</span>`}
      <span class="legend right"><span>${svg(18, 10, html`<rect class="f-done" width="18" height="10" rx="2"/>`)}try</span><span>${svg(18, 10, html`<rect fill="url(#cross)" width="18" height="10" rx="2"/>`)}failed</span>
      <span>${svg(18, 10, html`<path class="k-retrying" d="M1 5h17" stroke-width="2" stroke-dasharray="1 4" stroke-linecap="round"/>`)}backoff</span><span>${svg(18, 10, html`<rect fill="url(#lost)" width="18" height="10" rx="2"/>`)}lost</span></span></div>
      <div class="tl-rows" onpointerdown=${grab}><div class="tl-over"><svg width="100%" height="100%" aria-hidden="true">${lines}</svg></div>
      <div class="tl-over above"><svg width="100%" height="100%" aria-hidden="true">${record.takeovers.filter((t) => t.at >= X.from && t.at <= X.to).map((t) => html`<line class="k-failed" stroke-width="1.5" x1=${X.x(t.at).toFixed(1)} x2=${X.x(t.at).toFixed(1)} y1="20" y2="100%"/>`)}</svg>
      ${brush && html`<div class="brush" css=${{ left: `${brush[0]}px`, width: `${brush[1] - brush[0]}px` }}></div>`}</div>
      <div class="tl-row"><div class="tl-lab small dim p2">${millis(record.from)} ${zoneName(record.from)}</div>${svg(X.width, 18, texts)}</div>
      <div class="tl-row"><div class="tl-lab small"><span class="dim">Owner</span>${turn && html`<span class="n">${state("failed", waited)}</span>`}</div>${ownerRow(X, list)}</div>
      ${rows(X, longest?.on)}</div></section>`;
  }

  return {
    view,
    key(event) {
      const act = {
        "+": () => closer(0.5),
        "-": () => closer(2),
        ArrowLeft: () => zoom && closer(1, -0.25),
        ArrowRight: () => zoom && closer(1, 0.25),
        Escape: () => zoom && ((zoom = null), draw()),
      }[event.key];
      if (!act || (event.key === "Escape" && !zoom)) return false;
      act();
      return true;
    },
  };
}
