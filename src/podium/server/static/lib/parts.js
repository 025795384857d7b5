// Small pieces that every page is made of.

import { html } from "./html.js";
import { icon } from "./signs.js";
import { ago, full, runPath } from "./words.js";

// An id is never cut: one that somebody has chosen may be longer than its place, and is broken.
const idClass = (id) => `id ${id.length > 18 ? "long" : ""}`;
export const idText = (id) => html`<span class=${idClass(id)}>${id}</span>`;
export const runLink = (id) => html`<a class=${idClass(id)} href=${runPath(id)}>${id}</a>`;

/** A moment: relative for reading, whole and with its zone on hover. */
export const moment = (at) =>
  at == null
    ? html`<span class="dim">–</span>`
    : html`<time datetime=${new Date(at).toISOString()} title=${full(at)}>${ago(at)}</time>`;

/** A command line to copy. It wraps and is never cut. */
export const cli = (command, block = false) => html`<span class="cli ${block ? "block" : ""}"><code>${command}</code>
  <button type="button" data-copy=${command} aria-label="Copy command: ${command}">${icon("copy")}</button></span>`;

/** Parts of a whole: `[[state, number], …]` of `total`. What is missing stays blank. */
export const meter = (parts, total, label) =>
  html`<span class="meter" role="img" aria-label=${label}>${parts.map(
    ([name, n]) => html`<i class="s-${name}" css=${{ "--w": `${((100 * n) / Math.max(1, total)).toFixed(2)}%` }}></i>`,
  )}</span>`;

export const panel = (title, sub, body, right) => html`<section class="panel"><div class="ph"><h2>${title}</h2>
  ${sub && html`<span class="sub">${sub}</span>`}${right && html`<span class="right row">${right}</span>`}</div>${body}</section>`;

export const button = (label, onclick, kind = "", sign = null) =>
  html`<button type="button" class="btn ${kind}" onclick=${onclick}>${sign && icon(sign)}${label}</button>`;

/** What would stand here, and the command that fills it. */
export const empty = (title, text, command) =>
  html`<div class="empty"><h2>${title}</h2><p>${text}</p>${command && cli(command)}</div>`;

/** In place of what could not be read: why, and the button that tries again. */
export const unread = (
  error,
  again,
) => html`<div class="empty" role="alert"><h2>${error.title ?? "This could not be read"}</h2>
  <p>${error.message}</p>${button("Read again", again)}</div>`;

/** Grey bars in final sizes while the first read is under way, so that nothing jumps when it is there. */
export const skeleton = (rows = 8) =>
  html`<div class="skeleton" role="status" aria-label="Reading">${Array.from({ length: rows }, () => html`<i></i>`)}</div>`;
