// Marks over time. Every drawing has a label that says what it shows.

import { html } from "./html.js";
import { count, span } from "./words.js";

/** The colour that a token of the sheet has now: `paint("done-f")`. */
export function paint(name) {
  let probe = document.getElementById("probe");
  if (!probe) {
    probe = document.createElement("i");
    probe.id = "probe";
    probe.className = "sr";
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** An SVG of this size in pixels. With a label it is an image to a reader of screens, without one it is decoration. */
export const svg = (width, height, body, label = "", props = {}) =>
  html`<svg ${props} width=${width} height=${height} viewBox="0 0 ${width} ${height}" role=${label ? "img" : null}
    aria-label=${label || null} aria-hidden=${label ? null : "true"}>${body}</svg>`;

/** A canvas drawn by `paintInto(context, width)` in CSS pixels, again at each repaint. */
export function paintCanvas(canvas, width, height, paintInto) {
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  paintInto(context, width, height);
}

/** Hatches, crosses and stripes, so that a state in a bar is not told by its hue alone. Once on a page. */
export const patterns = () => html`<svg class="sr" aria-hidden="true"><defs>
  <pattern id="cross" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="4" height="4" class="f-failed"/><rect width="1.3" height="4" class="f-panel"/></pattern>
  <pattern id="lost" width="4" height="4" patternUnits="userSpaceOnUse"><rect width="4" height="4" class="f-panel"/><rect width="2" height="4" class="f-lostd"/></pattern>
  </defs></svg>`;

/** The last runs of a workflow, oldest first: height is how long, colour the state, dashes the median. */
export function runBars(runs, width = 240, height = 28) {
  const ended = runs.filter((run) => run.took != null);
  if (!ended.length) return html`<span class="dim small">none has ended yet</span>`;
  const took = ended.map((run) => run.took).sort((a, b) => a - b);
  const median = took[took.length >> 1];
  const top = Math.max(median * 2, took[took.length - 1], 1e-6);
  const each = width / Math.max(12, ended.length);
  const y = (seconds) => height - Math.max(3, (seconds / top) * (height - 2));
  const failed = ended.filter((run) => run.state === "failed").length;
  const label = `${count(ended.length)} last runs, ${failed} failed, median ${span(median)}`;
  return html`<svg class="bars" width="100%" height=${height} viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${ended.map(
      (
        run,
        i,
      ) => html`<rect data-tip="${run.state} · ${span(run.took)} · ${run.id}" class="f-${run.state}" x=${(i * each).toFixed(2)} width=${Math.max(1, each - 2).toFixed(2)} y=${y(run.took).toFixed(2)} height=${(height - y(run.took)).toFixed(2)}/>
      ${run.state === "failed" && html`<rect class="f-failed" x=${(i * each).toFixed(2)} width=${Math.max(1, each - 2).toFixed(2)} y="0" height="3"/>`}`,
    )}
    <line class="k-ink3" stroke-dasharray="2 3" x1="0" x2=${width} y1=${y(median).toFixed(1)} y2=${y(median).toFixed(1)} vector-effect="non-scaling-stroke"/></svg>`;
}

/** Numbers over equal stretches of time. A zero keeps a hairline, so that a gap is seen. */
export function columns(values, width, height, label, mark = "f-failed") {
  const most = Math.max(...values, 1);
  const each = width / values.length;
  return svg(
    width,
    height,
    values.map((n, i) => {
      const tall = Math.max(1, (n / most) * height);
      return html`<rect class=${n ? mark : "f-line"} x=${(i * each).toFixed(1)} width=${Math.max(1, each - 1).toFixed(1)} y=${(height - tall).toFixed(1)} height=${tall.toFixed(1)}/>`;
    }),
    label,
  );
}

/** The pulse at the foot of every page: steps per second of the last minute. Answers what takes a `metrics` event. */
export function pulse(canvas, number) {
  const last = []; // [steps per second, whether some failed]
  const draw = () => {
    if (!canvas.clientWidth) return;
    const colours = { done: paint("done-f"), retry: paint("retry-f"), line: paint("line") };
    paintCanvas(canvas, canvas.parentElement.clientWidth - 16, 26, (context, width, height) => {
      const top = Math.max(10, ...last.map(([rate]) => rate));
      const each = width / 240;
      context.fillStyle = colours.line;
      context.fillRect(0, height - 1, width, 1);
      last.forEach(([rate, bad], i) => {
        const tall = (rate / top) * (height - 1);
        context.fillStyle = bad ? colours.retry : colours.done;
        context.fillRect(width - (last.length - i) * each, height - tall, Math.max(0.7, each), tall);
      });
    });
  };
  document.addEventListener("repaint", draw);
  addEventListener("resize", draw);
  draw();
  return (event) => {
    last.push([event.steps_s ?? 0, (event.failed_s ?? 0) > 0]);
    if (last.length > 240) last.shift();
    number.textContent = count(event.steps_s ?? 0);
    if (!document.hidden) draw();
  };
}
