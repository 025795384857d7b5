// The frame that every page stands in: which page, its title and command, search, keys, theme, zone, the pulse.

import { get } from "./lib/api.js";
import { pulse } from "./lib/charts.js";
import { html, render } from "./lib/html.js";
import * as live from "./lib/live.js";
import { dialog, say, tips } from "./lib/overlays.js";
import { unread } from "./lib/parts.js";
import { icon, LETTER, sign } from "./lib/signs.js";
import { setRole } from "./lib/who.js";
import { count, hm, nextZone, plain, runPath, zoneName } from "./lib/words.js";

// name, path, module, label, key after g
const PAGES = [
  ["now", /^\/$/, "./pages/now.js", "Now", "n", "/"],
  ["runs", /^\/runs$/, "./pages/runs.js", "Runs", "r", "/runs"],
  ["runs", /^\/runs\/([^/]+)$/, "./pages/run.js"],
  ["failures", /^\/failures$/, "./pages/failures.js", "Failures", "f", "/failures"],
  ["waiting", /^\/waiting$/, "./pages/waiting.js", "Waiting", "w", "/waiting"],
  ["workflows", /^\/workflows$/, "./pages/workflows.js", "Workflows", "o", "/workflows"],
  ["schedules", /^\/schedules$/, "./pages/schedules.js", "Schedules", "s", "/schedules"],
  ["series", /^\/series$/, "./pages/series.js", "Series", "m", "/series"],
  ["queues", /^\/queues$/, "./pages/queues.js", "Queues", "q", "/queues"],
  ["workers", /^\/workers$/, "./pages/workers.js", "Workers", "e", "/workers"],
  ["settings", /^\/settings$/, "./pages/settings.js", "Settings", ",", "/settings"],
];
const KEYS = [
  ["/ or Ctrl K", "search runs, pages, actions"],
  ["?", "these keys"],
  [
    "g then n r f w o s m q e ,",
    "now, runs, failures, waiting, workflows, schedules, measured, queues, engines, settings",
  ],
  ["j k", "next, previous row"],
  ["x", "select the row"],
  ["Enter", "open"],
  ["r", "retry"],
  ["f", "fork at the step that is open"],
  ["t e l d y", "timeline, graph, logs, data, why of a run"],
  ["[ ]", "previous, next step"],
  [".", "copy this page as a command"],
  ["Shift D", "light or dark"],
  ["z", "time zone"],
  ["Esc", "clear, close"],
];
const NO_KEYS = "podium.keys";
const HIDDEN_EVERY = 1000; // milliseconds

const $ = (id) => document.getElementById(id);
const main = $("main");
let page = null;
let drawn = 0;

// A tab that is not seen has no frames, but a title that says how its run stands.
function draw() {
  if (!drawn) drawn = document.hidden ? setTimeout(drawNow, HIDDEN_EVERY) : requestAnimationFrame(drawNow);
}

function drawNow() {
  drawn = 0;
  if (!page) return;
  let view;
  try {
    view = page.view();
  } catch (error) {
    console.error(error);
    view = unread({ title: "This page could not be drawn", message: String(error) }, () => location.reload());
  }
  render(main, view);
  document.title = `${page.title()} · Podium`;
  $("clock").textContent = `${hm(Date.now())}`;
}

/** Open the page of an address of this origin. */
async function open() {
  page?.stop?.();
  page = null;
  let found = PAGES.find(([, path]) => path.test(location.pathname));
  let id = "";
  try {
    id = decodeURIComponent(found?.[1].exec(location.pathname)[1] ?? "");
  } catch {
    found = undefined; // "%" that stands for nothing
  }
  for (const link of document.querySelectorAll(".nav a[data-page]")) {
    if (link.dataset.page === found?.[0]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = { id, query: new URLSearchParams(location.search) };
  const opened = location.href;
  const module = await import(found ? found[2] : "./pages/absent.js").catch(unreachable);
  if (location.href !== opened) return; // gone on meanwhile
  render(main, null);
  page = module.default(place, { draw, go, address });
  drawNow();
}

/** In place of a page whose script does not come. A browser asks for it once: it is loaded anew when the server is back. */
function unreachable() {
  let lost = false;
  const again = () => location.reload();
  return {
    default: () => ({
      title: () => "No connection",
      command: () => "podium up",
      view: () =>
        html`<div class="head"><h1>No connection</h1></div>${unread({ message: "The server does not answer, or lets this browser in no more." }, again)}`,
      heard(topic) {
        if (topic !== "reset") return;
        const was = lost;
        lost = $("live").classList.contains("off");
        if (was && !lost) again();
      },
    }),
  };
}

function go(href) {
  if (new URL(href, location.href).href === location.href) return;
  history.pushState(null, "", href);
  scrollTo(0, 0);
  open();
}

/** Keep what a page shows in its address, without another entry in the history. */
function address(query, hash = location.hash) {
  const said = [...query.entries()].filter(([, value]) => value !== "");
  const search = said.length ? `?${new URLSearchParams(said)}` : "";
  history.replaceState(null, "", `${location.pathname}${search}${hash}`);
}

function keys() {
  const off = localStorage.getItem(NO_KEYS) === "1";
  const turn = (event) => localStorage.setItem(NO_KEYS, event.target.checked ? "0" : "1");
  dialog(
    "Keys",
    () => html`<dl class="kv">${KEYS.map(([key, text]) => html`<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`)}</dl>
      <label class="check"><input type="checkbox" checked=${!off} onchange=${turn}/>Letters act outside fields</label>`,
    () => html`<span class="dim small">Everything here can be done in a terminal too: <code class="nw">podium -h</code></span>`,
  );
}

function theme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("podium.theme", root.dataset.theme);
  } catch {
    // It holds for this page.
  }
  document.dispatchEvent(new Event("repaint"));
  draw();
}

function changeZone() {
  nextZone();
  $("zone-name").textContent = zoneName();
  say(`Times are shown in ${zoneName()}.`);
  draw();
}

function copy(text) {
  navigator.clipboard?.writeText(text).then(
    () => say(`Copied: ${text}`),
    () => say("The browser does not let this page copy."),
  );
}

// -- search -------------------------------------------------------------------------------------------------------
function palette() {
  const fixed = [
    ...PAGES.filter((p) => p[3]).map((p) => ({ sign: p[0], text: p[3], sub: "page", href: p[5] })),
    { sign: "moon", text: "Light or dark", sub: "action", act: theme },
    { sign: "globe", text: "Time zone", sub: "action", act: changeZone },
    { sign: "help", text: "Keys", sub: "action", act: keys },
  ];
  const element = document.createElement("dialog");
  element.className = "pal";
  element.setAttribute("aria-label", "Search");
  let typed = "";
  let at = 0;
  let runs = [];
  let asked = 0;
  const hits = () =>
    [
      ...fixed.filter((hit) => hit.text.toLowerCase().includes(typed.toLowerCase())),
      ...runs.map((run) => ({
        sign: run.state,
        text: plain(run.function),
        id: run.id,
        sub: "run",
        href: runPath(run.id),
      })),
      ...(typed
        ? [{ sign: "search", text: `Runs like ${typed}`, sub: "query", href: `/runs?q=${encodeURIComponent(typed)}` }]
        : []),
    ].slice(0, 12);
  const take = (hit) => {
    element.close();
    if (hit?.act) hit.act();
    else if (hit) go(hit.href);
  };
  const show = () => {
    const found = hits();
    at = Math.max(0, Math.min(at, found.length - 1));
    render(
      element,
      html`<input type="text" role="combobox" aria-expanded="true" aria-controls="found" aria-label="Search runs, pages, actions"
      aria-activedescendant=${found.length ? `found-${at}` : null} placeholder="Runs by id or query, pages, actions" autocomplete="off" spellcheck="false"
      oninput=${input} onkeydown=${key}/>
      <ul id="found" role="listbox" aria-label="Found">${found.map(
        (hit, i) => html`<li role="option" id="found-${i}" aria-selected=${i === at} onclick=${() => take(hit)}>
        ${LETTER[hit.sign] ? sign(hit.sign) : icon(hit.sign)}<span>${hit.text}</span>${hit.id && html`<span class="id">${hit.id}</span>`}<span class="right clip">${hit.sub}</span></li>`,
      )}</ul>`,
    );
  };
  const input = async (event) => {
    typed = event.target.value.trim();
    at = 0;
    show();
    const mine = ++asked;
    try {
      const found = typed ? (await get("/api/runs", { q: typed, limit: 6 })).items : [];
      if (mine === asked) runs = found;
    } catch {
      if (mine === asked) runs = []; // half a query is no query
    }
    show();
  };
  const key = (event) => {
    if (event.key === "ArrowDown") at += 1;
    else if (event.key === "ArrowUp") at -= 1;
    else if (event.key === "Enter") return take(hits()[at]);
    else return;
    event.preventDefault();
    show();
  };
  element.addEventListener("click", (event) => event.target === element && element.close());
  element.onclose = () => element.remove();
  document.body.append(element);
  show();
  element.showModal();
}

// -- what is heard ------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const copied = event.target.closest("[data-copy]");
  if (copied) return copy(copied.dataset.copy);
  const link = event.target.closest("a[href]");
  const plainClick =
    !event.defaultPrevented &&
    event.button === 0 &&
    !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plainClick || link.target || link.download || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/") || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  go(link.href);
});

let chord = 0;
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    return palette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]"))
    return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const letter = event.key.length === 1;
  if (letter && localStorage.getItem(NO_KEYS) === "1") return;
  if (chord && performance.now() - chord < 900) {
    chord = 0;
    const found = PAGES.find((p) => p[4] === event.key);
    if (found) go(found[5]);
    return;
  }
  const acts = {
    "/": palette,
    "?": keys,
    D: theme,
    z: changeZone,
    g: () => (chord = performance.now()),
    ".": () => page && copy(page.command()),
  };
  const act = acts[event.key];
  if (act) {
    event.preventDefault();
    act();
  } else if (page?.key?.(event)) event.preventDefault();
});

addEventListener("popstate", open);
addEventListener("resize", draw);
setInterval(() => document.hidden || draw(), 1000); // "3 s ago" goes on
document.addEventListener("visibilitychange", () => document.hidden || page?.heard?.("reset", {}));

const more = $("more");
if (more)
  more.onclick = (event) => (
    event.preventDefault(),
    dialog(
      "More pages",
      (close) =>
        html`<nav class="nav all" aria-label="More pages">${PAGES.filter((p) => p[3] && document.querySelector(`.nav a.deep[data-page=${p[0]}]`)).map((p) => html`<a href=${p[5]} onclick=${close}>${icon(p[0])}${p[3]}</a>`)}</nav>`,
      (close) => html`<button type="button" class="btn" onclick=${close}>Close</button>`,
    )
  );
$("find").onclick = palette;
$("theme").onclick = theme;
$("keys").onclick = keys;
$("zone").onclick = changeZone;
$("zone-name").textContent = zoneName();
tips();
const beat = pulse($("pulse"), $("rate"));

async function me() {
  try {
    const who = await get("/api/me");
    setRole(who.role);
    draw();
    const store = String(who.store ?? "");
    $("store").textContent = [store.split("/").pop(), who.release].filter(Boolean).join(" · ");
    $("store").title = store;
    for (const link of document.querySelectorAll(".nav a[data-page]")) {
      const number = who.badges[link.dataset.page];
      const name = link.dataset.page === "failures" ? "failed" : "person";
      const old = link.querySelector(".n");
      if (!number) old?.remove();
      else {
        const shown = old ?? link.appendChild(document.createElement("span"));
        shown.className = `n ${name}`;
        shown.textContent = count(number);
      }
    }
  } catch {
    // The pill says that the connection is lost.
  }
}

live.watch((now) => {
  const pill = $("live");
  pill.classList.toggle("off", now !== "live");
  pill.textContent = { live: "live", lost: "reconnecting, reads every 2 s", connecting: "connecting" }[now];
});
live.listen((topic, data) => {
  if (topic === "metrics") return beat(data);
  if (["run", "reset"].includes(topic)) badges();
  page?.heard?.(topic, data);
});
let waiting = null;
function badges() {
  waiting ??= setTimeout(() => {
    waiting = null;
    me();
  }, 1000);
}
live.start();
me();
open();
