// What lies over a page: dialogs, the preview of an action, toasts with their undo, tips.

import { html, render } from "./html.js";
import { button, cli, idText, moment } from "./parts.js";
import { icon, state } from "./signs.js";
import { many, plain, when } from "./words.js";

const UNDO_SECONDS = 10;
const SAID_SECONDS = 5;

/** A dialog. `body(close)` and `foot(close)` are drawn again by the function that is returned. */
export function dialog(title, body, foot, className = "") {
  const element = document.createElement("dialog");
  element.className = className;
  element.setAttribute("aria-label", title);
  const before = document.activeElement;
  const close = () => element.close();
  const draw = () =>
    render(
      element,
      html`<div class="dh"><h2>${title}</h2>
      <button type="button" class="btn ghost ic right" onclick=${close} aria-label="Close">${icon("x")}</button></div>
      <div class="db">${body(close)}</div><div class="df">${foot(close)}</div>`,
    );
  // Of listeners that are properties an answer of false would undo the click: a box in the dialog kept its state.
  element.addEventListener("click", (event) => event.target === element && close());
  element.onclose = () => {
    element.remove();
    if (before?.isConnected) before.focus();
  };
  document.body.append(element);
  draw();
  element.showModal();
  return { draw, close, element };
}

let shown = null; // the toast that is on the screen
function show(parts) {
  shown?.stop();
  const element = document.createElement("div");
  element.className = "toast";
  element.setAttribute("role", "status");
  document.body.append(element);
  const it = { draw: (tree) => render(element, tree), stop: () => element.remove() };
  shown = it;
  it.draw(parts);
  return it;
}

/** Say what has been done. */
export function say(text, link = null) {
  const toast = show(html`<span>${text}</span>${link && html`<a href=${link.href}>${link.text}</a>`}`);
  const timer = setTimeout(() => toast.stop(), SAID_SECONDS * 1000);
  const stop = toast.stop;
  toast.stop = () => {
    clearTimeout(timer);
    stop();
  };
}

/** Do `act` after ten seconds, unless it is undone; what it answers is said. Another one begins the first at once. */
export function later(text, act) {
  let left = UNDO_SECONDS;
  const toast = show(null);
  const remove = toast.stop;
  const leaving = (event) => event.preventDefault(); // the browser asks before it forgets what was begun
  const end = () => {
    clearInterval(timer);
    removeEventListener("beforeunload", leaving);
    toast.stop = remove; // the next toast takes this one's place, and does not begin it again
    remove();
  };
  const begin = async () => {
    end();
    try {
      const done = await act();
      if (done) say(done.text ?? done, done.link);
    } catch (error) {
      say(`Not done: ${error.message}`);
    }
  };
  const undo = () => {
    end();
    say("Undone. Nothing was changed.");
  };
  const draw = () =>
    toast.draw(html`<span>${text} Begins in ${left} s.</span><button type="button" onclick=${undo}>Undo</button>
    <button type="button" onclick=${begin}>Now</button>`);
  const timer = setInterval(() => {
    left -= 1;
    if (left <= 0) begin();
    else draw();
  }, 1000);
  addEventListener("beforeunload", leaving);
  toast.stop = begin;
  draw();
}

/**
 * What every action shows before it begins: what will happen, the command, the undo. `body` stands between; `act` does
 * it, and `said` tells of it while it can be undone.
 */
export function ask({ title, verb, words, command, said, act, body = null, bad = false }) {
  const go = (close) => () => {
    close();
    later(said, act);
  };
  return dialog(
    title,
    () => html`<p class="ink2">${words}</p>${body}${cli(command, true)}`,
    (close) => html`${button(verb, go(close), bad ? "one bad" : "one")}
      <button type="button" class="btn" autofocus onclick=${close}>Leave it</button>
      <span class="right dim small">Begins after ${UNDO_SECONDS} s, is undone until then</span>`,
  );
}

/** The same of runs: `runs` are the first ones known, `total` is how many there are in all; three are shown. */
export function preview({ verb, runs, total = runs.length, words, command, act, bad = false }) {
  const shown = runs.slice(0, 3);
  const row = (
    run,
  ) => html`<tr key=${run.id}><td>${state(run.state)}</td><td><span class="name">${plain(run.function)}</span></td>
    <td>${idText(run.id)}</td><td class="num dim p2">${moment(when(run.created))}</td></tr>`;
  const body = html`<div class="panel"><table class="t"><tbody>${shown.map(row)}</tbody></table></div>
    ${total > shown.length && html`<p class="dim small">and ${many(total - shown.length, "more run", "more runs")}</p>`}`;
  const title = `${verb} ${many(total, "run")}`;
  return ask({
    title: `${title}?`,
    verb: title,
    words,
    command,
    said: `${verb}: ${many(total, "run")}.`,
    act,
    body,
    bad,
  });
}

/** One tip for every mark that has data-tip, by pointer and by focus. */
export function tips() {
  let element = null;
  const off = () => {
    element?.remove();
    element = null;
  };
  const on = (event) => {
    const mark = event.target.closest?.("[data-tip]");
    if (!mark?.dataset.tip) return off();
    if (!element) {
      element = document.createElement("div");
      element.className = "tip";
      document.body.append(element);
    }
    element.textContent = mark.dataset.tip;
    const box = mark.getBoundingClientRect();
    const middle = event.clientX ?? box.x + box.width / 2;
    const left = Math.max(6, Math.min(innerWidth - element.offsetWidth - 6, middle - element.offsetWidth / 2));
    const above = box.top - element.offsetHeight - 8;
    element.style.left = `${left}px`;
    element.style.top = `${above < 4 ? box.bottom + 8 : above}px`;
  };
  addEventListener("mouseover", on);
  addEventListener("mousemove", on);
  addEventListener("focusin", on);
  addEventListener("scroll", off, true);
}
