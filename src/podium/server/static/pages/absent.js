// An address that is no page.

import { html } from "../lib/html.js";

export default function absent() {
  return {
    title: () => "No such page",
    command: () => "podium -h",
    view: () => html`<div class="head"><h1>There is no such page</h1></div>
      <p><a href="/runs">All runs</a></p>`,
  };
}
