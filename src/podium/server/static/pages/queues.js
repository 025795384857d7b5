// Queues: how full each is, what it allows, who serves it; its limits changed, paused, resumed, left to code again.

import { get, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { ask, dialog, later } from "../lib/overlays.js";
import { button, cli, empty, meter, moment, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { state } from "../lib/signs.js";
import { acting } from "../lib/who.js";
import { count, many, when, whole } from "../lib/words.js";

const EVERY = 5000; // milliseconds: a worker that dies says nothing
const LEAST = 1000; // between two reads: each counts what lies in line
const SQUARES = 64; // slots that are drawn one by one
const LANES = 8;
const NONE = "none"; // the command line's word for no limit
const COUNT = /^(?=.*[1-9])\d{1,7}$/;
const RATE = /^(?=.*[1-9])\d{1,9}\/[smhd]$/;

const path = (queue, verb) => `/api/queues/${encodeURIComponent(queue.name)}/${verb}`;
const isFull = (queue) => queue.concurrency != null && !queue.per && queue.running >= queue.concurrency;
const limits = (concurrency, rate) =>
  [concurrency == null ? "" : `${count(concurrency)} at once`, rate && `${rate} begin`].filter(Boolean).join(", ") ||
  "no limits";

/** How a queue stands: a sign, a word, a sentence that names what holds it. */
function standing(queue) {
  const line = queue.queued ? `${many(queue.queued, "run is", "runs are")} in line` : "Nothing is in line";
  if (!queue.workers.length && queue.queued) return ["failed", "no worker", `${line}, and no live engine serves it.`];
  if (queue.paused)
    return ["paused", "paused", `${line}. Nothing begins or goes on until it is resumed; what runs is left alone.`];
  if (isFull(queue)) return ["full", "full", `${line}. ${many(queue.concurrency, "slot")}, none is free.`];
  if (!queue.queued) return ["succeeded", "flows", `${line}.`];
  const rate = queue.rate && `no more than ${queue.rate} begin, evenly spaced`;
  const own = queue.per && `each ${queue.per} has limits of its own`;
  return ["succeeded", "flows", `${line}; ${own || rate || "the next begins when an engine has room"}.`];
}

export default function queues(_place, { draw }) {
  const it = reading((signal) => get("/api/queues", {}, signal), draw, LEAST);
  const timer = setInterval(() => document.hidden || it.again(), EVERY);

  const change = async (queue, verb, body, done) => {
    await post(path(queue, verb), body);
    it.again();
    return done;
  };
  const pausing = (queue) => {
    const [verb, title, words] = queue.paused
      ? ["resume", "Resume", `What is in line goes on within its limits: ${many(queue.queued, "run")}.`]
      : [
          "pause",
          "Pause",
          `Nothing more begins there, or goes on, until it is resumed. What runs is left alone: ${many(queue.running, "run")}.`,
        ];
    const said = `${title}: ${queue.name}.`;
    return button(
      `${title}…`,
      () =>
        ask({
          title: `${title} ${queue.name}?`,
          verb: title,
          words,
          command: `podium queues ${verb} ${queue.name}`,
          said,
          act: () => change(queue, verb, {}, said),
        }),
      queue.paused ? "sm one" : "sm",
      queue.paused ? "play" : "paused",
    );
  };
  const toCode = (queue) =>
    button(
      "Back to code…",
      () =>
        ask({
          title: `Back to code: ${queue.name}?`,
          verb: "Back to code",
          words: queue.declared
            ? `What code declares holds again: ${limits(queue.declared_concurrency, queue.declared_rate)}.`
            : "No code declares it: it has no limits then.",
          command: `podium queues set ${queue.name} --from-code`,
          said: `Back to code: ${queue.name}.`,
          act: () => change(queue, "set", { from_code: true }, `${queue.name} is as code declares it.`),
        }),
      "sm",
    );

  // New limits are typed; what they would do is said before they are set.
  function limit(queue) {
    const old = { concurrency: queue.concurrency == null ? "" : String(queue.concurrency), rate: queue.rate };
    const typed = { ...old };
    const isNone = (text) => text === "" || text === NONE;
    const wrong = {
      concurrency: () => !isNone(typed.concurrency) && !COUNT.test(typed.concurrency),
      rate: () => !isNone(typed.rate) && !RATE.test(typed.rate),
    };
    const said = (text) => (isNone(text) ? NONE : text);
    const changed = () => Object.keys(old).filter((name) => said(typed[name]) !== said(old[name]));
    const isReady = () => changed().length > 0 && !wrong.concurrency() && !wrong.rate();
    const flags = () => changed().map((name) => ` --${name} ${said(typed[name])}`);
    const command = () => `podium queues set ${queue.name}${flags().join("") || " --concurrency N --rate N/m"}`;

    function would() {
      if (!isReady()) return "Nothing is changed yet.";
      const most = isNone(typed.concurrency) ? null : Number(typed.concurrency);
      const over = queue.per || most == null ? 0 : queue.running - most;
      const begin = most == null ? queue.queued : Math.min(queue.queued, -over);
      const each = queue.per ? ` for each ${queue.per}` : "";
      const next = limits(most, isNone(typed.rate) ? "" : typed.rate);
      const says = whole(`${next}${each}, instead of ${limits(queue.concurrency, queue.rate)}`);
      if (over > 0) return `${says} ${many(over + 1, "run")} of those going must end before another begins; none is stopped.`;
      const more = begin > 0 && !queue.per && !queue.paused && changed().includes("concurrency");
      return more ? `${says} Up to ${count(begin)} more may begin now.` : says;
    }
    const go = (close) => () => {
      const asked = Object.fromEntries(changed().map((name) => [name, said(typed[name])]));
      close();
      later(`New limits of ${queue.name}.`, () => change(queue, "set", asked, `New limits of ${queue.name} hold.`));
    };
    const set = (name) => (event) => {
      typed[name] = event.target.value.trim();
      box.draw();
    };
    const field = (name, label, hint, problem) => html`<div class="f"><label for="limit-${name}">${label} <span class="hint">${hint}</span></label>
      <input class="in mono" id="limit-${name}" autocomplete="off" placeholder="no limit" aria-invalid=${wrong[name]()} aria-describedby="problem-${name}" value=${typed[name]} oninput=${set(name)}/><span class="err" id="problem-${name}">${wrong[name]() ? problem : ""}</span></div>`;
    const box = dialog(
      `Limits of ${queue.name}`,
      () => html`<p class="ink2">They hold for all processes, whatever code declares, until it is set back to code.</p>
        <div class="cols c-2">${field("concurrency", "at once", "runs; empty: any number", "a whole number of 1 or more")}${field("rate", "rate", "such as 100/m, or in s, h, d", "so many in a time: 100/m")}</div>
        <p role="status">${would()}</p>${cli(command(), true)}`,
      (close) => html`<button type="button" class="btn one" disabled=${!isReady()} onclick=${go(close)}>Set</button>
        <button type="button" class="btn" onclick=${close}>Leave it</button>`,
    );
  }

  function slots(queue) {
    if (queue.concurrency == null || queue.per)
      return html`<div class="small dim">${count(queue.running)} running</div>`;
    const label = `${count(queue.running)} of ${many(queue.concurrency, "slot")} held`;
    const name = isFull(queue) ? "full" : "running";
    const squares = Math.max(queue.concurrency, queue.running);
    return html`<div class="small dim">${label}</div>${
      squares > SQUARES
        ? meter([[name, Math.min(queue.running, queue.concurrency)]], queue.concurrency, label)
        : html`<div class="slots" role="img" aria-label=${label}>${Array.from({ length: squares }, (_, i) => html`<i class=${i < queue.running ? `s-${name}` : "free"}></i>`)}</div>`
    }`;
  }
  function lanes(queue) {
    const keyed = queue.lanes.filter((lane) => lane.key);
    if (!keyed.length) return null;
    const more = queue.lane_count - (queue.lanes.length - keyed.length) - Math.min(keyed.length, LANES);
    const most = queue.per && queue.concurrency != null ? ` of ${count(queue.concurrency)}` : "";
    return html`<table class="t"><caption class="sr">Lines of ${queue.name}</caption><thead><tr><th scope="col">${queue.per || "key"}</th><th scope="col" class="num">Runs</th><th scope="col" class="num">In line</th></tr></thead>
      <tbody>${keyed.slice(0, LANES).map((lane) => html`<tr key=${lane.key}><td class="wrapped">${lane.key}</td><td class="num">${count(lane.running)}${most}</td><td class="num">${count(lane.queued)}</td></tr>`)}</tbody></table>
      ${more > 0 && html`<p class="small dim">and ${count(more)} more</p>`}`;
  }
  const served = (queue) =>
    queue.workers.length
      ? html`<a href="/workers" data-tip=${queue.workers.slice(0, 20).join("\n")}>${many(queue.workers.length, "engine")}</a> ${queue.workers.length === 1 ? "serves" : "serve"} it`
      : "no live engine serves it";

  function row(queue) {
    const [name, word, says] = standing(queue);
    const code = queue.declared
      ? `the code says ${limits(queue.declared_concurrency, queue.declared_rate)}`
      : "no code declares it";
    return html`<section class="qrow" key=${queue.name} aria-label=${queue.name}>
      <div class="stack gap1"><h2 class="wrapped">${queue.name}</h2>${state(name, word)}<div class="small dim">${served(queue)}</div></div>
      <div class="stack gap1"><p class="ink2">${says}</p>${queue.oldest && html`<div class="small dim">the first of them is due ${moment(when(queue.oldest))}</div>`}${queue.waiting > 0 && html`<div class="small dim">${many(queue.waiting, "has begun and waits", "have begun and wait")} to go on</div>`}
        ${name === "failed" && cli(`podium worker -q ${queue.name} MODULE`)}${lanes(queue)}</div>
      <div class="stack gap1">${slots(queue)}</div>
      <div class="stack gap1"><div>${whole(limits(queue.concurrency, queue.rate))}${queue.per && html`<span class="dim"> For each ${queue.per}.</span>`}</div>
        ${queue.set_by != null && html`<div class="small dim wrapped">set by ${queue.set_by}; ${code}</div>`}
        <div class="row wrap">${acting(() => [button("Limits…", () => limit(queue), "sm"), pausing(queue), queue.set_by != null && toCode(queue)])}</div></div></section>`;
  }
  function sentence(all) {
    const inLine = all.filter((queue) => queue.queued);
    const runs = inLine.reduce((sum, queue) => sum + queue.queued, 0);
    const off = all
      .map((queue) => [queue.name, standing(queue)[1]])
      .filter(([, word]) => word !== "flows")
      .map(([name, word]) => `${name}: ${word}`);
    const first = runs
      ? `${many(runs, "run is", "runs are")} in line in ${count(inLine.length)} of ${many(all.length, "queue")}`
      : `${many(all.length, "queue")}, nothing is in line`;
    return `${first}.${off.length ? ` ${off.slice(0, 6).join("; ")}.` : ""}`;
  }
  function view() {
    if (!it.data)
      return it.error
        ? unread(it.error, () => it.again())
        : html`<div class="head"><h1>Queues</h1></div>${skeleton(5)}`;
    const all = it.data.items;
    const head = html`<div class="head"><h1>Queues</h1><div class="acts">${cli("podium queues")}</div><p class="says">${all.length > 0 && sentence(all)}</p></div>`;
    if (!all.length)
      return html`${head}<div class="panel">${empty("Nothing stands in line", 'Limit how much of something runs at once, @task(queue=podium.Queue("api", concurrency=5)), and serve its module:', "podium up MODULE")}</div>`;
    return html`${head}<div class="panel">${all.map(row)}</div>`;
  }
  return {
    title: () => "Queues",
    command: () => "podium queues",
    view,
    heard: (topic) => ["reset", "run", "engine"].includes(topic) && it.again(),
    stop() {
      clearInterval(timer);
      it.stop();
    },
  };
}
