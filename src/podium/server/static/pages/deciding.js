// What a person decides at one step of a run: what became of it, or what is to be tried instead of it.

import { html } from "../lib/html.js";
import { dialog, later } from "../lib/overlays.js";
import { button, cli } from "../lib/parts.js";
import { count, shell } from "../lib/words.js";

const WAYS = [
  ["happened", "It has happened. Its result, as JSON:", "null"],
  ["again", "It has not happened: begin it again.", null],
  ["failed", "It has failed. Why:", "declined"],
];

/** A text as JSON; undefined where it is none. */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Ask what became of a step over which the run is parked, `why` in a sentence, and have `act(body)` say it. */
export function settle(run, step, why, act) {
  let way = "happened";
  const said = { happened: "null", failed: "" };
  const body = () => {
    if (way === "again") return { step, again: true };
    if (way === "failed") return said.failed ? { step, failed: said.failed } : null;
    const value = read(said.happened);
    return value === undefined ? null : { step, happened: value };
  };
  const command = () =>
    `podium settle ${run} ${shell(step)} ${way === "again" ? "--again" : `--${way} ${shell(said[way])}`}`;
  const go = (close) => () => {
    const asked = body();
    close();
    later(`Settle ${step}.`, () => act(asked));
  };
  const box = dialog(
    `What became of ${step}?`,
    () => html`<p class="ink2">${why}. Look in the other system; what you say stands on record, with your name.</p>
      ${WAYS.map(
        ([name, text, example]) =>
          html`<div class="f"><label class="check"><input type="radio" name="way" checked=${way === name} onchange=${() => {
            way = name;
            box.draw();
          }}/>${text}</label>${example != null && way === name && html`<input class="in mono" aria-label=${text} autocomplete="off" placeholder=${example} value=${said[name]} oninput=${(event) => {
            said[name] = event.target.value;
            box.draw();
          }}/>`}</div>`,
      )}${cli(command(), true)}`,
    (close) => html`<button type="button" class="btn one" disabled=${!body()} onclick=${go(close)}>Settle</button>${button("Leave it", close)}`,
  );
}

/** Ask from which step a copy goes on, and with which result in its place, and have `act(body)` make it. */
export function fork(run, step, act) {
  let text = step.value === undefined ? "" : JSON.stringify(step.value);
  let isEdited = false;
  const value = () => (isEdited ? read(text) : undefined);
  const command = () =>
    `podium fork ${run} --at ${shell(step.key)}${isEdited ? ` --value ${shell(text)}` : ""} --detach`;
  const go = (close) => () => {
    const body = isEdited ? { at: step.key, value: value() } : { at: step.key };
    close();
    later(`Fork at ${step.key}.`, () => act(body));
  };
  const box = dialog(
    `Fork at ${step.key}?`,
    () => html`<p class="ink2">A new run keeps what is on record before step ${count(step.n)} and goes on from there by the code as it is now. This one stays as it is.</p>
      <label class="check"><input type="checkbox" checked=${isEdited} onchange=${(event) => {
        isEdited = event.target.checked;
        box.draw();
      }}/>With another result of ${step.fn}, which is then not called</label>
      ${isEdited && html`<div class="f"><textarea class="in mono" rows="5" aria-label="Its result, as JSON" spellcheck="false" oninput=${(event) => {
        text = event.target.value;
        box.draw();
      }}>${text}</textarea>${value() === undefined && html`<p class="err" role="alert">This is no JSON.</p>`}</div>`}${cli(command(), true)}`,
    (close) => html`<button type="button" class="btn one" disabled=${isEdited && value() === undefined} onclick=${go(close)}>Fork</button>${button("Leave it", close)}`,
  );
}
