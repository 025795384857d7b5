// What a run did, as boxes: one for the steps of a function in a stretch, an edge to what then began. The server lays it out.

import { get } from "../lib/api.js";
import { html } from "../lib/html.js";
import { empty, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon } from "../lib/signs.js";
import { count, many, runPath, runsPath, span } from "../lib/words.js";

const WIDTH = 166;
const HEIGHT = 62;
const ROW = 84;
const EVERY = 500; // milliseconds: it is made of the whole history
const SIGN = { question: "asks", timer: "waiting", run: "runs" };

/** `open(function)` shows the steps of a function. */
export function graphTab({ id, record, draw, open }) {
  const graph = reading((signal) => get(`/api/runs/${encodeURIComponent(id)}/graph`, {}, signal), draw, EVERY);
  let at = null; // the box that Tab comes to: the one that had the focus last

  // Steps under way are heard of before they are on record: they count for the last box of their function.
  function nodes() {
    const found = graph.data.nodes.map((node) => ({ ...node, counts: { ...node.counts } }));
    const last = new Map(found.map((node) => [node.function, node]));
    for (const step of record.steps) {
      const node = last.get(step.fn);
      if (step.state !== "running" || !node || node.kind !== "step" || node.counts.running) continue;
      node.live = (node.live ?? 0) + 1;
    }
    for (const node of found) {
      if (!node.live) continue;
      node.counts.running = node.live;
      node.n += node.live;
      if (node.state === "succeeded") node.state = "running";
    }
    return found;
  }
  const says = (node) =>
    node.n > 1
      ? Object.entries(node.counts)
          .map(([name, n]) => `${count(n)} ${name}`)
          .slice(0, 2)
          .join(", ")
      : node.state === "succeeded"
        ? node.seconds == null
          ? ""
          : span(node.seconds)
        : node.state;
  const more = (node) =>
    [
      node.kind === "step" ? "" : node.kind,
      node.n > 1 && node.seconds != null ? `in ${span(node.seconds)}` : "",
      node.retried ? `${count(node.retried)} retried` : "",
    ]
      .filter(Boolean)
      .join(" · ");
  const box = (node, x, y) => {
    const body = html`<span class="t1">${icon(node.state === "succeeded" ? (SIGN[node.kind] ?? node.state) : node.state)}<span class="clip">${node.function}</span>${node.n > 1 && html`<span class="dim">×${count(node.n)}</span>`}<span class="sr">${node.state}</span></span><small>${says(node)}</small><small>${more(node)}</small>`;
    const props = {
      id: `box-${node.id}`,
      class: `gn s-${node.state} ${node.n > 1 ? "many" : ""}`,
      tabindex: String(node.id) === (at ?? graph.data.nodes[0].id) ? 0 : -1,
      css: { left: `${x}px`, top: `${y}px` },
      onfocus: () => {
        at = node.id;
      },
    };
    if (node.kind === "run")
      return html`<a key=${node.id} ${props} href=${node.run ? runPath(node.run) : runsPath(`parent:${id}`)}>${body}</a>`;
    return html`<button type="button" key=${node.id} ${props} onclick=${() => open(node.kind === "timer" ? "sleep" : node.function)}>${body}</button>`;
  };
  // Arrows go to the nearest box in their direction.
  function move(event) {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const here = way && graph.data?.nodes.find((node) => event.target.id === `box-${node.id}`);
    if (!here) return;
    event.preventDefault();
    event.stopPropagation();
    const far = (node) => {
      const [right, down] = [node.column - here.column, node.row - here.row];
      const along = right * way[0] + down * way[1];
      return along > 0 ? along + 3 * Math.abs(right * way[1] + down * way[0]) : Number.POSITIVE_INFINITY;
    };
    const next = graph.data.nodes.filter((node) => far(node) < 1e9).sort((a, b) => far(a) - far(b))[0];
    if (next) document.getElementById(`box-${next.id}`).focus();
  }
  function view(width) {
    if (!graph.data) return graph.error ? unread(graph.error, () => graph.again()) : skeleton(4);
    if (!graph.data.nodes.length)
      return html`<section class="panel">${empty("Nothing is on record yet", "A box stands here as soon as a step has come to something.")}</section>`;
    const pitch = Math.max(
      WIDTH + 30,
      Math.min(250, (width - WIDTH - 40) / Math.max(1, graph.data.columns - 1)),
    );
    const place = new Map(
      graph.data.nodes.map((node) => [node.id, [12 + node.column * pitch, 12 + node.row * ROW]]),
    );
    const all = nodes();
    const edges = graph.data.edges.map((edge) => {
      const [a, b] = [place.get(edge.begin), place.get(edge.end)];
      const [x2, y2] = [b[0] - 2, b[1] + HEIGHT / 2];
      if (edge.back)
        return html`<path class="nofill k-line2" stroke-width="1.5" stroke-dasharray="4 4" d="M${a[0] + WIDTH / 2} ${a[1] + HEIGHT}c0 18 ${b[0] - a[0]} 18 ${b[0] - a[0]} ${b[1] - a[1]}"/>`;
      let [x, y] = [a[0] + WIDTH + 4, a[1] + HEIGHT / 2];
      let d = `M${x} ${y}`;
      const to = (toX, toY, end = toX) => {
        d += `C${x + 22} ${y} ${toX - 22} ${toY} ${end} ${toY}`;
        [x, y] = [toX, toY];
      };
      for (const [column, row] of edge.via) {
        to(12 + column * pitch, 12 + row * ROW + HEIGHT / 2);
        x += WIDTH;
        d += `H${x}`;
      }
      to(x2, y2, x2 - 3);
      return html`<g><path class="nofill k-line2" stroke-width="1.5" d=${d}/><path class="nofill k-ink3" stroke-width="1.4" d="M${x2 - 5} ${y2 - 3.5}l4 3.5-4 3.5"/></g>`;
    });
    const [wide, tall] = [24 + (graph.data.columns - 1) * pitch + WIDTH + 8, 24 + (graph.data.rows - 1) * ROW + HEIGHT + 8];
    return html`<section class="panel"><div class="ph"><h2>As it ran</h2><span class="sub">drawn from the record: an edge leads to what began after it${graph.data.folded ? "; each function is one box, there are too many stretches" : "; a stack is several steps of a function"}</span></div>
      <div class="graph" role="group" aria-label="Graph of the run, ${many(all.length, "box", "boxes")}" css=${{ height: `${tall}px` }} onkeydown=${move}><svg width=${wide} height=${tall} aria-hidden="true">${edges}</svg>${all.map((node) => box(node, ...place.get(node.id)))}</div></section>`;
  }
  return {
    view,
    heard: () => graph.again(),
    stop: () => graph.stop(),
  };
}
