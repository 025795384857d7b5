// Failures: what failed lately, gathered by error type and by the user's own line.

import { get, post } from "../lib/api.js";
import { columns, svg } from "../lib/charts.js";
import { html } from "../lib/html.js";
import { preview, say } from "../lib/overlays.js";
import { button, cli, empty, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { state } from "../lib/signs.js";
import { acting } from "../lib/who.js";
import { count, hm, many, now, plain, when, zoneName } from "../lib/words.js";

const SINCE = [
  ["1d", 24, "24 hours"],
  ["7d", 168, "7 days"],
];
const NEW_MS = 3_600_000; // a group whose first failure is younger is new

export default function failures(place, { draw, address }) {
  let chosen = place.query.get("group") ?? "";
  let since = SINCE.some(([span]) => span === place.query.get("since")) ? place.query.get("since") : "1d";
  const it = reading((signal) => get("/api/failures", { since }, signal), draw);

  const keep = () =>
    address(new URLSearchParams({ ...(since !== "1d" && { since }), ...(chosen && { group: chosen }) }));
  function choose(fingerprint) {
    chosen = fingerprint;
    keep();
    draw();
  }
  function from(span) {
    since = span;
    keep();
    it.anew();
    draw();
  }
  const [, hours, words] = SINCE.find(([span]) => span === since);
  const place_ = (group) => group.where.split("/").slice(-2).join("/");
  const query = (group) =>
    `status:failed ended:${SINCE.find(([span]) => span === since)[0]} workflow:${group.functions.map(plain).join(",")}`;

  // A group is no query of the store: what is retried are the runs that are named here, each by its id.
  async function retry(group) {
    let runs;
    try {
      runs = await Promise.all(group.examples.map((id) => get(`/api/runs/${encodeURIComponent(id)}`)));
    } catch (error) {
      return say(error.message);
    }
    preview({
      verb: "Retry",
      runs,
      command: `podium retry ${group.examples.join(" ")}`,
      words:
        "Each becomes a new run that goes on at the step that failed; what is on record is not done again. With the same code and the same recorded input it will most likely fail again: mend the line first.",
      act: async () => {
        for (const { id } of runs) await post(`/api/runs/${encodeURIComponent(id)}/retry`);
        it.again();
        return `Retried ${many(runs.length, "run")}.`;
      },
    });
  }
  const entry = (
    group,
    on,
  ) => html`<button type="button" class="choice" key=${group.fingerprint} aria-current=${on} onclick=${() => choose(group.fingerprint)}><span class="row"><span class="name clip">${plain(group.type)}</span>${now() - when(group.first) < NEW_MS && state("failed", "new", true)}<b class="right nw">${many(group.n, "run")}</b></span>
    <span class="arg clip">${group.message}</span><span class="row small dim"><span class="clip">${group.functions.map(plain).join(", ")} · ${place_(group)}</span><span class="right">${columns(group.bins, 96, 18, `${many(group.n, "run")} in ${words}`)}</span></span></button>`;
  function chart(group, width) {
    const bins = group.bins;
    const each = width / bins.length;
    const most = Math.max(...bins, 1);
    const at = (i) => now() - (bins.length - 1 - i) * (hours / bins.length) * 3_600_000;
    return svg(
      width,
      92,
      [
        bins.map(
          (n, i) =>
            html`<rect class=${n ? "f-failed" : "f-line"} x=${(i * each + 1).toFixed(1)} width=${Math.max(1, each - 3).toFixed(1)} y=${(69 - (n / most) * 52).toFixed(1)} height=${((n / most) * 52 + 1).toFixed(1)} rx="1"/>${n > 0 && html`<text x=${(i * each + each / 2).toFixed(1)} y=${(64 - (n / most) * 52).toFixed(1)} text-anchor="middle">${n}</text>`}`,
        ),
        [0, Math.floor(bins.length / 2), bins.length - 1].map(
          (i) =>
            html`<text x=${(i * each + each / 2).toFixed(1)} y="87" text-anchor=${i === 0 ? "start" : i === bins.length - 1 ? "end" : "middle"}>${hm(at(i))}${i === bins.length - 1 ? ` ${zoneName()}` : ""}</text>`,
        ),
      ],
      `${many(group.n, "failure")} in ${words}`,
    );
  }
  function detail(group) {
    const width = Math.max(
      220,
      document.getElementById("main").clientWidth - (innerWidth > 1180 ? 494 : innerWidth > 760 ? 78 : 58),
    );
    const [file, line] = [place_(group), group.where.split(":").pop()];
    return html`<div class="stack gap4"><section class="panel"><div class="ph"><h2 class="clip">${plain(group.type)}</h2><span class="sub">first ${moment(when(group.first))} · last ${moment(when(group.last))}</span><span class="right">${acting(() => button(`Retry ${group.examples.length === group.n ? group.n : `the last ${group.examples.length}`}…`, () => retry(group), "one sm", "retrying"))}</span></div>
      <div class="pb stack gap3"><p class="errline">${plain(group.type)}: ${group.message}</p>${group.where && html`<div class="row small wrap"><b>${file}</b>${group.call && html`<span class="dim">in ${group.call}</span>`}<button type="button" class="btn ghost sm right" data-copy=${group.where}>Copy place</button></div>`}
      ${group.source && html`<div class="code" tabindex="0" role="region" aria-label="Source"><div class="hit"><span class="ln">${line}</span><span>${group.source}</span></div></div>`}
      <dl class="kv small"><dt>Runs</dt><dd><a href="/runs?q=${encodeURIComponent(query(group))}">${many(group.n, "run")} of ${group.functions.map(plain).join(", ")}</a></dd><dt>Would a retry help?</dt><dd>Only if what it met has changed: same code and same recorded input fail again.</dd></dl></div></section>
      <section class="panel"><div class="ph"><h2>When</h2><span class="sub">last ${words}</span></div><div class="pb">${chart(group, width)}</div></section>
      <section class="panel"><div class="ph"><h2>Runs</h2><span class="sub">the newest of them</span></div><div class="scroll"><table class="t"><caption class="sr">Runs of this group</caption><tbody>${group.examples.map((id) => html`<tr key=${id}><td>${state("failed")}</td><td>${runLink(id)}</td></tr>`)}</tbody></table></div></section></div>`;
  }
  function view() {
    const tabs = html`<span class="seg" role="group" aria-label="Since">${SINCE.map(([span, , text]) => html`<button type="button" aria-pressed=${since === span} onclick=${() => from(span)}>${text}</button>`)}</span>`;
    const command = `podium runs 'status:failed ended:${since}'`;
    const head = (says) =>
      html`<div class="head"><h1>Failures</h1><div class="acts">${tabs}${cli(command)}</div><p class="says">${says}</p></div>`;
    if (!it.data) return html`${head("")}${it.error ? unread(it.error, () => it.again()) : skeleton(6)}`;
    const groups = it.data.items;
    const total = groups.reduce((sum, group) => sum + group.n, 0);
    if (!groups.length)
      return html`${head("")}<div class="panel">${empty("Nothing has failed", "Runs that fail are gathered here by error and line.")}</div>`;
    const fresh = groups.filter((group) => now() - when(group.first) < NEW_MS).length;
    const group = groups.find((one) => one.fingerprint === chosen) ?? groups[0];
    const says = `${it.data.exact ? "" : "At least "}${many(total, "run")} failed, in ${many(groups.length, "group")}: one error type at one line of yours each.${fresh ? ` ${many(fresh, "group is", "groups are")} new.` : ""}`;
    return html`${head(says)}<div class="cols c-list"><section class="panel" aria-label="Groups">${groups.map((one) => entry(one, one === group))}</section>${detail(group)}</div>`;
  }
  return {
    title: () =>
      it.data?.items.length ? `✖ ${count(it.data.items.reduce((sum, group) => sum + group.n, 0))} failed` : "Failures",
    command: () => `podium runs 'status:failed ended:${since}'`,
    view,
    heard: (topic, data) => (topic === "reset" || (topic === "run" && data.state === "failed")) && it.again(),
    stop: () => it.stop(),
  };
}
