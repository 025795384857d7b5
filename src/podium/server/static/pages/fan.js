// A fan-out, opened: a square for each item in the items' order, how long they took, the odd ones.

import { paint, paintCanvas, svg } from "../lib/charts.js";
import { html } from "../lib/html.js";
import { countStates, lengthOf, lengths } from "../lib/record.js";
import { sign, state } from "../lib/signs.js";
import { count, many, span } from "../lib/words.js";

const kindOf = (step) => {
  if (step.state !== "succeeded") return step.state;
  if (step.tries.some((attempt) => attempt.state === "lost")) return "lost";
  return step.tries.length > 1 ? "retried" : "succeeded";
};
const COLOUR = {
  succeeded: "done-f",
  retried: "done-f",
  retrying: "retry-f",
  lost: "ink-3",
  failed: "failed-f",
  running: "running-f",
  waiting: "waiting-f",
};
function map(steps, canvas, pick) {
  const width = canvas.parentElement.clientWidth;
  const cell = Math.max(
    4,
    Math.min(15, Math.floor(Math.sqrt((width * (steps.length > 2000 ? 290 : 170)) / steps.length))),
  );
  const across = Math.max(1, Math.floor(width / cell));
  const colours = {};
  paintCanvas(canvas, across * cell, Math.ceil(steps.length / across) * cell, (context) => {
    steps.forEach((step, i) => {
      const kind = kindOf(step);
      const x = (i % across) * cell;
      const y = Math.floor(i / across) * cell;
      context.fillStyle = colours[kind] ??= paint(COLOUR[kind] ?? "queued-f");
      context.fillRect(x, y, cell - 1, cell - 1);
      if (kind === "retried") {
        const rim = Math.max(1, Math.round(cell * 0.28));
        context.fillStyle = colours.core ??= paint("retry-f");
        context.fillRect(x + rim, y + rim, cell - 1 - 2 * rim, cell - 1 - 2 * rim);
      } else if (kind === "failed") context.fillRect(x - 1, y - 1, cell + 1, cell + 1);
    });
  });
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return steps[Math.floor((event.clientY - box.top) / cell) * across + Math.floor((event.clientX - box.left) / cell)];
  };
  canvas.onmousemove = (event) => {
    const step = at(event);
    canvas.dataset.tip = step ? `${step.key} · ${step.state}` : "";
  };
  canvas.onclick = (event) => {
    const step = at(event);
    if (step) pick(step);
  };
}
function oddOnes(steps) {
  const slow = steps.filter((step) => step.state === "succeeded").sort((a, b) => lengthOf(b) - lengthOf(a));
  const odd = [
    ...steps.filter((step) => step.state === "failed").slice(0, 3),
    ...steps.filter((step) => kindOf(step) === "lost").slice(0, 2),
    ...steps.filter((step) => step.state === "retrying").slice(0, 2),
    ...slow.slice(0, 3),
  ];
  return [...new Set(odd)].slice(0, 8);
}
const inOrder = (steps) => [...steps].sort((a, b) => byScope(a.scope, b.scope));
/** What is under a strip that was opened. `pick` takes the step that was chosen. */
export function fan(group, pick) {
  const long = lengths(group.steps);
  const most = Math.max(...long.counts, 1);
  const counts = countStates(group.steps);
  const retried = group.steps.filter((step) => kindOf(step) === "retried").length;
  const redone = group.steps.filter((step) => kindOf(step) === "lost").length;
  const width = 250;
  const said = Object.entries(counts)
    .map(([name, n]) => `${count(n)} ${name}`)
    .join(", ");
  const quantile = (share, name) => html`<span>${name} <b>${span(long.q(share))}</b></span>`;
  return html`<div class="tl-more" key="fan ${group.name}"><div class="fan"><div class="stack"><div class="row small wrap"><b>${many(group.steps.length, "step")}, in their order</b>
    <span class="legend">${Object.entries(counts).map(([name, n]) => html`<span>${state(name, `${count(n)} ${name}`)}</span>`)}
    ${retried > 0 && html`<span>${state("retrying", `of them ${count(retried)} after a retry`)}</span>`}${redone > 0 && html`<span>${state("lost", `${count(redone)} done again`)}</span>`}</span></div>
    <div><canvas tabindex="0" role="img" aria-label="${many(group.steps.length, "step")} of ${group.name}: ${said}. The Steps tab lists them." drawn=${(canvas) => map(inOrder(group.steps), canvas, pick)}></canvas></div></div>
    <div class="stack small"><b>How long</b>${
      long.n > 0 &&
      svg(
        width,
        46,
        [
          long.counts.map(
            (n, i) =>
              html`<rect class="f-queued" x=${(i * 5.95).toFixed(1)} width="5" y=${(45 - (n / most) * 42).toFixed(1)} height=${((n / most) * 42 + 0.6).toFixed(1)}/>`,
          ),
          [0.5, 0.95].map(
            (share) =>
              html`<line class="k-ink" x1=${Math.min(width - 1, (long.q(share) / long.top) * width).toFixed(1)} x2=${Math.min(width - 1, (long.q(share) / long.top) * width).toFixed(1)} y1="0" y2="46"/>`,
          ),
        ],
        `How long they took: half within ${span(long.q(0.5))}, 95 % within ${span(long.q(0.95))}`,
      )
    }
    <div class="row wrap">${quantile(0.5, "p50")}${quantile(0.95, "p95")}${quantile(0.99, "p99")}<span>max <b>${span(long.max)}</b></span></div>
    <b>Odd ones</b><div class="stack gap1">${oddOnes(group.steps).map(
      (
        step,
      ) => html`<button type="button" class="row odd" onclick=${() => pick(step)}>${sign(kindOf(step) === "lost" ? "lost" : step.state)}<code class="clip">${step.call || step.key}</code>
      <span class="right dim nw">${step.state === "succeeded" ? span(lengthOf(step)) : many(step.tries.length, "try", "tries")}</span></button>`,
    )}</div></div></div></div>`;
}

// A map's items have the scopes 1.0, 1.1, … : in the order of their numbers, not of their letters.
function byScope(a, b) {
  const [left, right] = [a.split("."), b.split(".")];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    if (left[i] !== right[i]) return Number(left[i]) - Number(right[i]);
  }
  return left.length - right.length;
}
