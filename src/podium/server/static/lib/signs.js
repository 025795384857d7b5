// Signs: one drawing for each state, page and action. They stand in index.html, once for the frame and for every page.
// Drawn there, not written as characters: some systems turn those into emoji.

import { html } from "./html.js";

/** A sign without a word; what it stands for is said beside it, or in the button's label. */
export const icon = (name) => html`<svg class="i" aria-hidden="true"><use href="#i-${name}"/></svg>`;

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
