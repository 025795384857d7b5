// Runs × steps: the last runs of each workflow side by side, so that it is seen where they end and what is new in them.

import { get } from "../lib/api.js";
import { svg } from "../lib/charts.js";
import { html } from "../lib/html.js";
import { empty, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, state } from "../lib/signs.js";
import { ago, count, day, many, plain, runPath, span, when } from "../lib/words.js";

const EVERY = 1000; // milliseconds
const TALL = 66; // pixels of the bars above
const DATES = 6; // columns for a date below

/** `query()` is what the runs are looked up by. */
export function gridView(query, draw) {
  const grid = reading((signal) => get("/api/runs/grid", { q: query() }, signal), draw, EVERY);

  const path = (run, row) =>
    `${runPath(run.id)}${row ? `?${new URLSearchParams({ find: plain(row.function) })}` : ""}#steps`;
  function bar(run, median, top) {
    const tall = run.took == null ? TALL / 2 : Math.max(3, Math.min(1, run.took / top) * TALL);
    const at = median == null ? null : TALL - Math.min(1, median / top) * TALL;
    const label = `${run.state}${run.took == null ? "" : `, ${span(run.took)}`}, ${ago(when(run.created))}`;
    return html`<td><a class="bar" href=${runPath(run.id)} tabindex="-1" aria-label=${label} data-tip="${label}\n${run.id}">${svg(19, TALL, html`<rect class=${run.took == null ? "nofill k-line2" : `f-${run.state}`} x="2" width="15" y=${(TALL - tall).toFixed(1)} height=${tall.toFixed(1)} rx="2"/>${at != null && html`<line class="k-ink3" stroke-dasharray="2 2" x1="0" x2="19" y1=${at.toFixed(1)} y2=${at.toFixed(1)}/>`}`)}</a></td>`;
  }
  function cell(run, row, i, isFirst) {
    const found = run.cells[i];
    const name = plain(row.function);
    if (!run.cells.length)
      return html`<td><span class="cell none" data-tip="${name}: its record is too long to be counted here"></span></td>`;
    const isOver = run.state !== "succeeded" && found.n > 0 && found.state === "succeeded" && found.n < row.most;
    const shown = !found.n ? "none" : found.state;
    const flag =
      ["failed", "retrying", "running"].includes(found.state) || !found.n
        ? found.state
        : run.owners_lost > 0
          ? "lost"
          : found.retried
            ? "retrying"
            : "";
    const share = row.most && (isOver || found.state !== "succeeded") ? Math.max(0.12, found.done / row.most) : 1;
    const says = !found.n
      ? `${name}: never reached`
      : `${name}: ${count(found.done)}${found.n > found.done ? ` of ${count(found.n)}` : ""} ${found.state}${found.retried ? `, ${count(found.retried)} retried` : ""}${run.owners_lost ? ", taken over" : ""}`;
    return html`<td><a class="cell ${shown === "none" ? "none" : `s-${shown}`}" href=${path(run, row)} tabindex=${isFirst ? 0 : -1} data-at="${i}" aria-label="${says}, ${ago(when(run.created))}" data-tip="${says}\n${ago(when(run.created))}" css=${{ "--h": `${(100 * share).toFixed(0)}%` }}>${flag && icon(flag)}</a></td>`;
  }
  // Arrows walk the squares; Tab comes to one of them only.
  function move(event) {
    const [right, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [
      0, 0,
    ];
    const td = event.target.closest("td");
    if (!(right || down) || !td) return;
    const rows = [...td.closest("table").querySelectorAll("tbody tr.cells")];
    const row = rows[rows.indexOf(td.parentElement) + down];
    const next = row?.children[td.cellIndex + right]?.querySelector("a");
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    next.focus();
  }
  function panel(one) {
    const top = Math.max(...one.runs.map((run) => run.took ?? 0), 1e-6);
    const failed = one.runs.filter((run) => run.state === "failed").length;
    const dates = [];
    for (let i = 0; i < one.runs.length; i += DATES)
      dates.push(
        html`<td colspan=${Math.min(DATES, one.runs.length - i)} class="small dim nw">${day(when(one.runs[i].created))}</td>`,
      );
    return html`<section class="panel" key=${one.workflow} aria-label=${plain(one.workflow)}><div class="ph"><h2>${plain(one.workflow)}</h2><span class="sub">${many(one.runs.length, "run")} × their steps${failed ? `, ${count(failed)} failed` : ""}; a fan-out fills as far as it got</span>
      <span class="legend right p2"><span>${state("succeeded")}</span><span>${state("failed")}</span><span>${state("retrying", "retried")}</span><span>${state("lost", "taken over")}</span><span>${svg(12, 12, html`<rect class="nofill k-line2" x=".5" y=".5" width="11" height="11" rx="2"/>`)}never reached</span></span></div>
      <div class="grid" onkeydown=${move}><table><caption class="sr">Runs of ${plain(one.workflow)} and their steps, the oldest first</caption><thead><tr><th scope="col"><span class="dim">took${one.median == null ? "" : `; dashes: median ${span(one.median)}`}</span></th>${one.runs.map((run) => bar(run, one.median, top))}</tr></thead>
      <tbody>${one.rows.map((row, i) => html`<tr class="cells"><th scope="row">${plain(row.function)}${row.most > 1 && html` <span class="dim">×${count(row.most)}</span>`}</th>${one.runs.map((run, n) => cell(run, row, i, i === 0 && n === 0))}</tr>`)}<tr><td></td>${dates}</tr></tbody></table></div></section>`;
  }
  return {
    view() {
      if (!grid.data) return grid.error ? unread(grid.error, () => grid.again()) : skeleton(8);
      if (!grid.data.items.length)
        return html`<section class="panel">${empty("No run here has steps", "Take a word away, or start one:", "podium run module:workflow")}</section>`;
      return html`<div class="stack gap3">${grid.data.items.map(panel)}<p class="dim small">Rows are what runs recorded: code that branches adds rows. Arrow keys move, Enter opens the steps.</p></div>`;
    },
    again: () => grid.again(),
    anew: () => grid.anew(),
    stop: () => grid.stop(),
  };
}
