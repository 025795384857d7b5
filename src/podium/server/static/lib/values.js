// A recorded value as a tree that opens: what users stored is text here, whatever it says.

import { html } from "./html.js";
import { tagged } from "./tagged.js";
import { python } from "./words.js";

const OPEN_BELOW = 9; // an object with fewer parts is open at first
const SHOWN = 200; // parts of one value; the rest is counted

export function tree(name, value, isOpen = false) {
  const what = tagged(value);
  if (what && "same" in what) return tree(name, what.same);
  if (value === null || typeof value !== "object" || what?.text !== undefined) {
    return html`<div class="leaf"><span class="k">${name}</span> <span class="v ${typeof value === "string" ? "s" : ""}">${python(value, 2000)}</span></div>`;
  }
  const parts = (what?.parts ?? Object.entries(value)).map(([key, part]) => [
    typeof key === "string" ? key : python(key, 80),
    part,
  ]);
  const kind = `${what?.kind ?? (Array.isArray(value) ? "list" : "dict")}, ${parts.length}`;
  return html`<details open=${isOpen || parts.length < OPEN_BELOW} key=${name}><summary><span class="k">${name}</span> <span class="ty">${kind}</span></summary><div class="kids">
    ${parts.slice(0, SHOWN).map(([key, part]) => tree(key, part))}${parts.length > SHOWN && html`<div class="leaf dim">and ${parts.length - SHOWN} more: Copy JSON has all</div>`}</div></details>`;
}

export const treeOf = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !tagged(value)
    ? Object.keys(value).length
      ? Object.entries(value).map(([key, part]) => tree(key, part))
      : html`<p class="dim">nothing</p>`
    : tree("value", value, true);
