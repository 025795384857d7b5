// The tabs of a run beside its timeline: Steps, Logs, Data, Why, History, and the drawer of one step.

import { get } from "../lib/api.js";
import { html } from "../lib/html.js";
import { button, cli, empty, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { countStates, lengthOf } from "../lib/record.js";
import { icon, sign, state } from "../lib/signs.js";
import { treeOf } from "../lib/values.js";
import { ago, bytes, capital, count, fresh, full, many, millis, plain, python, span, when, zoneName } from "../lib/words.js";

const ROW = 34; // pixels, of the sheet
const AROUND = 20; // rows drawn beyond what is in view

/** Rows of which only those in view are in the page. `row(item, i)` must be as high as the sheet says. */
function windowed(items, columns, head, row, draw, label) {
  const top = windowed.top ?? 0;
  const first = Math.max(0, Math.floor(top / ROW) - AROUND);
  const last = Math.min(items.length, first + 60 + AROUND);
  const pad = (height) =>
    height > 0 &&
    html`<tr class="pad" aria-hidden="true"><td colspan=${columns} css=${{ height: `${height}px` }}></td></tr>`;
  const scrolled = (event) => {
    windowed.top = event.target.scrollTop;
    draw();
  };
  return html`<div class="scroll tall" tabindex="0" role="region" aria-label=${label} onscroll=${scrolled} drawn=${(
    el,
  ) => {
    if (el.scrollTop === 0 && top > items.length * ROW) windowed.top = 0;
  }}>
    <table class="t steps"><caption class="sr">${label}</caption><thead>${head}</thead><tbody>${pad(first * ROW)}${items.slice(first, last).map((item, i) => row(item, first + i))}${pad((items.length - last) * ROW)}</tbody></table></div>`;
}

// -- Steps ----------------------------------------------------------------------------------------------------------
export function stepsTab({ id, record, draw, pick, isPicked, words: narrowed }) {
  let only = "";
  let words = narrowed;
  const fits = (step) =>
    (!only || (only === "more" ? step.tries.length > 1 : step.state === only)) &&
    (!words || `${step.fn} ${step.key} ${step.call}`.toLowerCase().includes(words.toLowerCase()));
  const row = (
    step,
  ) => html`<tr key=${step.key} aria-selected=${isPicked(step)} onclick=${() => pick(step)}><td class="num dim">${count(step.n)}</td><td>${state(step.state)}</td>
    <td><div class="clip"><button type="button" class="name">${step.fn}</button> <span class="arg">${step.call.replace(/^[^(]*/, "")}</span></div></td><td class="p2"><code class="dim">${step.scope || "–"}</code></td>
    <td class="num p2">${step.tries.length ? millis(step.tries[0].begin) : "–"}</td><td class="num">${span(lengthOf(step))}</td>
    <td class="num">${step.tries.length > 1 ? html`<span class="st s-retrying">${step.tries.length}</span>` : step.tries.length}</td><td class="p3 arg"><div class="clip">${step.error ? `${plain(step.error.type)}: ${step.error.message}` : step.value === undefined ? "" : python(step.value, 80)}</div></td></tr>`;
  const head = () =>
    html`<tr><th scope="col" class="num">#</th><th scope="col">State</th><th scope="col">Step</th><th scope="col" class="p2">Branch</th><th scope="col" class="num p2">Began, ${zoneName()}</th><th scope="col" class="num">Last try took</th><th scope="col" class="num">Tries</th><th scope="col" class="p3">Result</th></tr>`;
  return {
    view() {
      const counts = countStates(record.steps);
      const more = record.steps.filter((step) => step.tries.length > 1).length;
      const listed = record.steps.filter(fits);
      const seg = (value, label) =>
        html`<button type="button" aria-pressed=${only === value} onclick=${() => {
          only = value;
          draw();
        }}>${label}</button>`;
      return html`<section class="panel"><div class="ph"><span class="seg" role="group" aria-label="Which steps">${seg("", `All ${count(record.steps.length)}`)}${Object.entries(counts).map(([name, n]) => seg(name, `${name} ${count(n)}`))}${more > 0 && seg("more", `tried more than once ${count(more)}`)}</span>
        <span class="right"><input class="in" type="search" aria-label="Find steps" placeholder="function, branch" value=${words} oninput=${(
          event,
        ) => {
          words = event.target.value;
          draw();
        }}/></span></div>
        ${listed.length ? windowed(listed, 8, head(), row, draw, "Steps") : empty("No step is like that", record.steps.length ? "Choose others above." : "Nothing is on record yet.")}
        <div class="ph small dim"><span>${many(listed.length, "step")}</span><span class="right">${cli(`podium show ${id} --all`)}</span></div></section>`;
    },
  };
}

/** One step beside the timeline or the list: its tries, what it returned or how it failed. */
export function drawer({ id, step, close, fork }) {
  return html`<aside class="panel drawer" aria-label="Step ${step.n}"><div class="ph">${sign(step.state)}<h2>${step.fn}</h2><span class="sub clip">${step.key}</span><button type="button" class="btn ghost ic right" aria-label="Close step" onclick=${close}>${icon("x")}</button></div>
    <div class="pb"><dl class="kv small"><dt>Step</dt><dd>${count(step.n)} · <code>${step.key}</code></dd><dt>State</dt><dd>${state(step.state)}</dd>
      ${step.call && html`<dt>Call</dt><dd><code>${step.call}</code></dd>`}${step.tries.length > 0 && html`<dt>Began</dt><dd>${full(step.tries[0].begin)}</dd>`}${step.due && html`<dt>Again</dt><dd>${ago(step.due)}</dd>`}</dl>
      <div class="stack gap1"><h3>Tries</h3>${step.tries.map((attempt) => html`<div class="row small">${sign(attempt.state)}<span class="nw">try ${attempt.n}</span><span class="dim wrapped">${attempt.why}</span><span class="right nw">${attempt.end == null ? "in flight" : span((attempt.end - attempt.begin) / 1000)}</span></div>`)}</div>
      ${step.value !== undefined && html`<div class="stack gap1"><h3>Result</h3><div class="tree framed" tabindex="0" role="region" aria-label="Result">${treeOf(step.value)}</div></div>`}
      ${fork && html`<div class="row">${button("Fork from here…", fork, "sm", "fork")}</div>`}${cli(`podium show ${id} --all`, true)}</div></aside>`;
}

// -- Logs -----------------------------------------------------------------------------------------------------------
const LEVELS = ["all", "info", "warning", "error"];
const LEAST = { all: -1, info: 20, warning: 30, error: 40 };
const LOG_PAGE = 500;
export function logsTab({ id, run, draw }) {
  const lines = [];
  let level = "all";
  let words = "";
  let follow = true;
  let error = null;
  let read = false;
  const logs = reading(
    async (signal) => {
      for (;;) {
        const page = await get(
          `/api/runs/${encodeURIComponent(id)}/logs`,
          { after: lines.length ? lines[lines.length - 1].n : 0, limit: LOG_PAGE },
          signal,
        );
        const last = lines.length ? lines[lines.length - 1].n : 0;
        for (const line of page.items) if (line.n > last) lines.push(line);
        if (page.next == null || !page.items.length) return true;
      }
    },
    (it) => {
      error = it.error;
      read = true;
      draw();
    },
  );
  const rank = (line) => line.level ?? (line.source === "stderr" ? 25 : 15);
  const kind = (line) => (rank(line) >= 40 ? "e" : rank(line) >= 30 ? "w" : "");
  const name = (line) =>
    line.level == null
      ? line.source.replace("std", "")
      : (["debug", "info", "warning", "error", "critical"][Math.floor(line.level / 10) - 1] ?? `level ${line.level}`);
  function finder() {
    const regex = /^\/(.+)\/$/.exec(words);
    if (!regex) return (text) => text.toLowerCase().includes(words.toLowerCase());
    try {
      const pattern = new RegExp(regex[1], "i");
      return (text) => pattern.test(text);
    } catch {
      return () => true; // not a pattern yet
    }
  }
  return {
    view() {
      const hit = finder();
      const least = LEAST[level];
      const found = lines.filter(
        (line) => (least < 0 || (line.level != null && line.level >= least)) && (!words || hit(line.text)),
      );
      const shown = found.slice(-2000);
      const ended = () => Boolean(run().ended);
      const body =
        error && !lines.length
          ? unread(error, () => logs.again())
          : !read
            ? skeleton(6)
            : !found.length
              ? empty(
                  lines.length ? "No line is like that" : "It has said nothing",
                  lines.length ? "Take a word away, or show every level." : "What tasks print and log stands here.",
                )
              : html`<div class="log scroll tall" tabindex="0" role="log" aria-label="Log" drawn=${(el) => {
                  if (follow && !ended()) el.scrollTop = el.scrollHeight;
                }}>
          ${shown.map(
            (
              line,
            ) => html`<div key=${line.n} class=${kind(line)} id="L${line.n}"><span class="dim nw" title=${full(when(line.at))}>${millis(when(line.at))}</span><span class="clip p2">${plain((line.step ?? "").split("/").pop())} <span class="dim">${(line.step ?? "").split("/")[0]}</span></span>
            <span class="dim p2">${line.attempt > 1 ? `try ${line.attempt}` : ""}</span><span class="p2 ${line.level == null ? "dim" : ""}">${name(line)}</span><span class="x">${line.text}</span></div>`,
          )}</div>`;
      return html`<section class="panel"><div class="ph"><input class="in logq" type="search" aria-label="Find in the log" placeholder="find, or /regex/" oninput=${(
        event,
      ) => {
        words = event.target.value;
        draw();
      }}/>
        <span class="seg" role="group" aria-label="Least level">${LEVELS.map(
          (l) =>
            html`<button type="button" aria-pressed=${level === l} onclick=${() => {
              level = l;
              draw();
            }}>${l}</button>`,
        )}</span>
        ${
          !ended() &&
          html`<label class="check small"><input type="checkbox" checked=${follow} onchange=${(event) => {
            follow = event.target.checked;
            draw();
          }}/>Follow</label>`
        }
        <span class="right">${cli(`podium logs ${id}${ended() ? "" : " -f"}`)}</span></div>${body}
        <div class="ph small dim"><span>${shown.length < found.length ? `the last ${count(shown.length)} of ` : ""}${many(found.length, "line")} · times are ${zoneName()}, to the ms</span></div></section>`;
    },
    heard: () => logs.again(),
    stop: () => logs.stop(),
  };
}

const CHUNKS = 500; // of a stream, the last ones
// -- Data -----------------------------------------------------------------------------------------------------------
export function dataTab({ id, run, draw }) {
  const data = reading((signal) => get(`/api/runs/${encodeURIComponent(id)}/data`, {}, signal), draw);
  let stream = null; // the one that is open: its name, and its last chunks
  const chunks = reading(async (signal) => {
    if (!stream) return [];
    const after = Math.max(0, data.data.streams[stream] - CHUNKS);
    const where = `/api/runs/${encodeURIComponent(id)}/streams/${encodeURIComponent(stream)}`;
    return (await get(where, { after, limit: CHUNKS }, signal)).items;
  }, draw);
  const open = (name) => {
    stream = name === stream ? null : name;
    chunks.anew();
    draw();
  };
  const values = (items) =>
    items.length > 0 &&
    html`<section class="panel" aria-label="Published"><div class="ph"><h2>Published</h2><span class="sub">the last value of each name</span></div><div class="scroll" tabindex="0" role="region" aria-label="Published values"><table class="t"><caption class="sr">Published values</caption><thead><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col" class="p2">By</th><th scope="col" class="num">At, ${zoneName()}</th></tr></thead><tbody>${items.map((one) => html`<tr key=${one.name}><td><b>${one.name}</b></td><td class="tree">${one.value === undefined ? one.preview : treeOf(one.value)}</td><td class="p2"><code class="dim">${one.step || "the body"}</code></td><td class="num" title=${full(when(one.at))}>${millis(when(one.at))}</td></tr>`)}</tbody></table></div></section>`;
  const streams = (found) =>
    Object.keys(found).length > 0 &&
    html`<section class="panel" aria-label="Streams"><div class="ph"><h2>Streams</h2><span class="seg" role="group" aria-label="Streams">${Object.entries(found).map(([name, n]) => html`<button type="button" aria-pressed=${stream === name} onclick=${() => open(name)}>${name} ${count(n)}</button>`)}</span></div>
      ${stream && html`<div class="log scroll tall" tabindex="0" role="log" aria-label="Stream ${stream}">${(chunks.data ?? []).map((chunk) => html`<div key=${chunk.n}><span class="dim nw" title=${full(when(chunk.at))}>${millis(when(chunk.at))}</span><span class="clip p2">${chunk.step || "the body"}</span><span class="dim p2">${chunk.attempt > 1 ? `try ${chunk.attempt}` : ""}</span><span class="p2 dim">${count(chunk.n)}</span><span class="x">${typeof chunk.value === "string" ? chunk.value : JSON.stringify(chunk.value)}</span></div>`)}</div>`}
      ${stream && found[stream] > CHUNKS && html`<div class="ph small dim">the last ${count(CHUNKS)} of ${count(found[stream])}</div>`}</section>`;
  const body = (value) =>
    value.value === undefined
      ? html`<p class="dim">${bytes(value.size)}: too large to be shown whole.</p><pre class="wrapped">${value.preview}</pre><a class="btn sm" href=${value.href} download="">Download JSON</a>`
      : treeOf(value.value);
  const part = (
    title,
    sub,
    value,
    nothing,
  ) => html`<section class="panel"><div class="ph"><h2>${title}</h2><span class="sub">${value ? `${sub}${bytes(value.size)}` : ""}</span>${value?.value !== undefined && html`<button type="button" class="btn sm right" data-copy=${JSON.stringify(value.value, null, 2)}>Copy JSON</button>`}</div>
    <div class="pb tree">${value ? body(value) : html`<p class="dim">${nothing}</p>`}</div></section>`;
  return {
    view() {
      if (!data.data) return data.error ? unread(data.error, () => data.again()) : skeleton(4);
      const it = run();
      const nothing =
        it.state === "failed"
          ? "It failed: its error stands above."
          : it.ended
            ? `It was ${it.state}.`
            : "The result will stand here.";
      return html`<div class="stack gap4">${values(data.data.values)}${streams(data.data.streams)}<div class="cols c-2">${part("Input", `${it.function} · `, data.data.input, "")}${part("Result", "", data.data.result, nothing)}</div></div>`;
    },
    async heard(topic) {
      if (topic !== "run" && topic !== "reset") return;
      await data.again();
      if (stream) chunks.again();
    },
    stop() {
      data.stop();
      chunks.stop();
    },
  };
}

// -- Why ------------------------------------------------------------------------------------------------------------
export function whyTab({ id, run, actions }) {
  return {
    view() {
      const { cause, checks, state: how } = run();
      const { what, details = [], fix = "" } = cause;
      const choice = /\s+with (--\w+ \w+), .*$/; // "podium settle … with --happened RESULT, --again or …" is no command yet
      const command = /podium \S.*$/.exec(fix)?.[0].replace(choice, " $1");
      return html`<div class="why"><div class="stack gap3"><p class="big">${capital(fresh(what, when(run().ended)))}</p>${details.map((text) => html`<p class="ink2 wrapped">${text}</p>`)}
        ${fix && command !== fix && !choice.test(fix) && html`<p>${capital(fix)}</p>`}<div class="row wrap">${actions()}${cli(command ?? `podium why ${id}`)}</div></div>
        ${checks.length > 0 && html`<section class="panel" aria-label="What may hold it up"><div class="ph"><h2>What may hold it up</h2></div><ul class="checks">${checks.map(({ name, verdict, text }) => html`<li key=${name} class=${verdict === "holds" && `hit s-${how}`}>${icon({ fine: "succeeded", holds: how, open: "more" }[verdict])}<span>${name}</span><span class="small dim">${text}</span></li>`)}</ul></section>`}</div>`;
    },
  };
}

// -- History --------------------------------------------------------------------------------------------------------
const SIGNS = {
  result: "succeeded",
  retry: "retrying",
  error: "failed",
  start: "running",
  start_alone: "running",
  tick: "waiting",
  message: "asks",
  handed_back: "lost",
  turn_began: "running",
  turn_survived: "succeeded",
  forgiven: "paused",
};
export function historyTab({ id, record, draw }) {
  const row = (
    entry,
  ) => html`<tr key=${entry.seq}><td class="num dim">${count(entry.seq)}</td><td>${state(SIGNS[entry.kind] ?? "queued", entry.kind.replace("_", " "))}</td><td class="clip"><code>${entry.step || "–"}</code></td>
    <td class="num" title=${full(entry.ms)}>${millis(entry.ms)}</td><td class="num p2">${entry.attempt || "–"}</td><td class="p2 arg"><div class="clip">${entry.error ? `${plain(entry.error.type)}: ${entry.error.message}` : entry.value === undefined ? "" : python(entry.value, 120)}</div></td></tr>`;
  const head = () =>
    html`<tr><th scope="col" class="num">Seq</th><th scope="col">Kind</th><th scope="col">Step</th><th scope="col" class="num">At, ${zoneName()}</th><th scope="col" class="num p2">Try</th><th scope="col" class="p2">Value</th></tr>`;
  return {
    view: () => html`<section class="panel history"><div class="ph"><h2>The record</h2><span class="sub">every entry as it was synced, in the order in which the workflow saw them</span><span class="right">${cli(`podium show ${id} --all --json`)}</span></div>
      ${record.entries.length ? windowed(record.entries, 6, head(), row, draw, "History") : empty("Nothing is on record yet", "An entry stands here as soon as it is synced.")}</section>`,
  };
}
