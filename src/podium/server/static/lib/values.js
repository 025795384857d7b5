// A recorded value as a tree that opens: what users stored is text here, whatever it says.

import { html } from "./html.js";
import { python } from "./words.js";

const OPEN_BELOW = 9; // an object with fewer parts is open at first
const SHOWN = 200; // parts of one value; the rest is counted

export function tree(name, value) {
  if (value === null || typeof value !== "object") {
    return html`<div class="leaf"><span class="k">${name}</span> <span class="v ${typeof value === "string" ? "s" : ""}">${python(value, 2000)}</span></div>`;
  }
  const parts = Object.entries(value);
  const kind = Array.isArray(value) ? `list, ${parts.length}` : `dict, ${parts.length}`;
  return html`<details open=${parts.length < OPEN_BELOW} key=${name}><summary><span class="k">${name}</span> <span class="ty">${kind}</span></summary><div class="kids">
    ${parts.slice(0, SHOWN).map(([key, part]) => tree(key, part))}${parts.length > SHOWN && html`<div class="leaf dim">and ${parts.length - SHOWN} more: Copy JSON has all</div>`}</div></details>`;
}

export const treeOf = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.keys(value).length
      ? Object.entries(value).map(([key, part]) => tree(key, part))
      : html`<p class="dim">nothing</p>`
    : tree("value", value);
