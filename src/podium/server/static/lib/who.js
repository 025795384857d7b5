// Who looks: a viewer sees everything and changes nothing, so what would change something is not offered.

import { html } from "./html.js";

let role = null; // until the server has said it

export const setRole = (name) => {
  role = name;
};
export const mayAct = () => role !== "viewer";

/** What `make()` gives, for those who may act; for a viewer why it is not there. */
export const acting = (make) =>
  mayAct() ? make() : html`<span class="dim small">Your token is a viewer's: an operator's can act here.</span>`;
