// Signs: one drawing for each state, page and action. A string is a path, a pair is another shape.
// Drawn here, not written as characters: some systems turn those into emoji.

import { html } from "./html.js";

const SHAPES = {
  queued: [["circle", { cx: "8", cy: "8", r: "5.6", "stroke-dasharray": "1.2 2.3" }]],
  running: [
    ["circle", { cx: "8", cy: "8", r: "6" }],
    ["circle", { class: "core", cx: "8", cy: "8", r: "3", stroke: "none", fill: "currentColor" }],
  ],
  waiting: [["circle", { cx: "8", cy: "8", r: "5.8" }], "M8 4.8V8l2.2 1.6"],
  succeeded: ["m3 8.6 3.3 3.4L13 4.6"],
  failed: ["m4 4 8 8M12 4l-8 8"],
  cancelled: [["circle", { cx: "8", cy: "8", r: "5.6" }], "m4.2 11.8 7.6-7.6"],
  parked: ["M5.6 3.6v8.8M10.4 3.6v8.8"],
  retrying: ["M12.8 6.2A5.2 5.2 0 1 0 13.2 9M13 2.8v3.6H9.4"],
  asks: ["M2.6 3.2h10.8v7.4H8.2L5 13.4v-2.8H2.6z", "M6.6 5.7c.3-1 2.6-1 2.6.3 0 .9-1.3.9-1.3 1.7M7.9 9.1v.1"],
  late: [["circle", { cx: "8", cy: "8.8", r: "5.2" }], "M8 5.8v3.4M8 11.3v.1M2 4.2l2-1.8M14 4.2l-2-1.8"],
  lost: ["m3.6 12.4 2-3.2-1.4-2 3-3.8M9.4 12.6l1.4-2.8-1.6-1.6 3-4.6"],
  full: [["rect", { x: "3.4", y: "3.4", width: "9.2", height: "9.2", rx: "1.4" }]],
  paused: ["M5.6 3.6v8.8M10.4 3.6v8.8"],
  dead: ["M2 8h3l1.4-3.6L9 12l1.5-4", "m12 6.4 2.4 2.4m0-2.4L12 8.8"],
  now: ["M2 8h2.6l1.8-4.6 3 9 1.9-4.4H14"],
  runs: ["M2.6 4h10.8M2.6 8h7.6M2.6 12h9.4"],
  failures: ["M8 2.4 14.4 13H1.6zM8 6.4v3M8 11.2v.1"],
  workflows: [
    ["rect", { x: "2", y: "2.4", width: "5", height: "4", rx: "1" }],
    ["rect", { x: "9", y: "9.6", width: "5", height: "4", rx: "1" }],
    "M4.5 6.4v5.2H9",
  ],
  schedules: [
    ["rect", { x: "2.2", y: "3.2", width: "11.6", height: "10.4", rx: "1.6" }],
    "M2.2 6.6h11.6M5.4 1.8v2.6M10.6 1.8v2.6",
  ],
  series: ["M2.4 2.4v11.2h11.2M4.6 10.4l2.6-4 2.4 2.6 3.6-5.4"],
  queues: ["M2.4 4.4h11.2M2.4 8h11.2M2.4 11.6h6.4", "m11 10 2.6 1.6L11 13.2z"],
  workers: [
    ["rect", { x: "2.2", y: "2.6", width: "11.6", height: "4.6", rx: "1.2" }],
    ["rect", { x: "2.2", y: "9", width: "11.6", height: "4.6", rx: "1.2" }],
    "M5 4.9v.1M5 11.3v.1",
  ],
  settings: [
    "M2.4 4.6h6M12 4.6h1.6M2.4 11.4h1.8M8 11.4h5.6",
    ["circle", { cx: "10.2", cy: "4.6", r: "1.7" }],
    ["circle", { cx: "6", cy: "11.4", r: "1.7" }],
  ],
  search: [["circle", { cx: "7", cy: "7", r: "4.4" }], "m10.4 10.4 3.4 3.4"],
  copy: [
    ["rect", { x: "5.4", y: "5.4", width: "8", height: "8", rx: "1.4" }],
    "M10.6 5.2V3.6c0-.6-.4-1-1-1h-6c-.6 0-1 .4-1 1v6c0 .6.4 1 1 1h1.6",
  ],
  x: ["m4 4 8 8M12 4l-8 8"],
  moon: ["M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7z"],
  help: [["circle", { cx: "8", cy: "8", r: "6" }], "M6.3 6.4c.3-1.7 3.4-1.6 3.4.2 0 1.2-1.7 1.2-1.7 2.3M8 11.2v.1"],
  globe: [["circle", { cx: "8", cy: "8", r: "6" }], "M2 8h12M8 2c2.4 2.6 2.4 9.4 0 12M8 2c-2.4 2.6-2.4 9.4 0 12"],
  fork: [
    ["circle", { cx: "4", cy: "3.6", r: "1.5" }],
    ["circle", { cx: "4", cy: "12.4", r: "1.5" }],
    ["circle", { cx: "12", cy: "6.4", r: "1.5" }],
    "M4 5.2v5.6M4 9.6c0-2.4 6.4-1 7.6-1.8",
  ],
  down: ["m4 6.4 4 4 4-4"],
  next: ["m6.4 4 4 4-4 4"],
  play: ["M5 3.4v9.2L12.4 8z"],
  link: ["M6.8 9.2 9.2 6.8M7.4 4.6l1.4-1.4a2.8 2.8 0 0 1 4 4l-1.4 1.4M8.6 11.4l-1.4 1.4a2.8 2.8 0 0 1-4-4l1.4-1.4"],
  more: ["M3.4 8h.1M8 8h.1M12.6 8h.1"],
  plus: ["M8 3v10M3 8h10"],
};

/** A sign without a word; what it stands for is said beside it, or in the button's label. */
export const icon = (name) =>
  html`<svg class="i" viewBox="0 0 16 16" aria-hidden="true">${(SHAPES[name] ?? []).map((shape) =>
    typeof shape === "string" ? html`<path d=${shape}/>` : { tag: shape[0], props: shape[1], kids: [] },
  )}</svg>`;

/** The sign of a state as a character, for titles of tabs and for what is copied. */
export const LETTER = {
  queued: "◌",
  running: "●",
  waiting: "◌",
  succeeded: "✔",
  failed: "✖",
  cancelled: "⊘",
  parked: "⏸",
  retrying: "◍",
  asks: "?",
};

/** A state: sign, word and hue together, so that none of them is needed alone. */
export const state = (name, word = name, pill = false) =>
  html`<span class="st s-${name} ${pill ? "pill" : ""}">${icon(name)}<span>${word}</span></span>`;
/** A state by its sign; the word is there for a reader of screens. */
export const sign = (name, word = name) =>
  html`<span class="st s-${name}">${icon(name)}<span class="sr">${word}</span></span>`;
