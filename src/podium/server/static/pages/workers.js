// Workers: the engines that drive runs, whether they are well, what they do and serve; paused, resumed, drained.

import { get, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { ask } from "../lib/overlays.js";
import { button, cli, empty, meter, moment, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, state } from "../lib/signs.js";
import { acting } from "../lib/who.js";
import { capital, count, many, plain, when } from "../lib/words.js";

const EVERY = 5000; // milliseconds: an engine that dies says nothing

export default function workers(_place, { draw }) {
  const it = reading((signal) => get("/api/engines", {}, signal), draw);
  const timer = setInterval(() => document.hidden || it.again(), EVERY);

  const standing = (engine) => {
    if (engine.stopped) return state("paused", "stopped");
    if (engine.alive === false) return state("dead", "dead");
    if (engine.blocked) return state("late", "blocked");
    if (engine.state) return state("paused", engine.state);
    return engine.alive ? state("succeeded", "alive") : state("queued", "on another host");
  };
  const serves = (engine) => {
    const modules = engine.modules.length
      ? engine.modules
      : [...new Set(engine.functions.map((name) => name.split(":")[0]))];
    return modules.length ? modules.join(", ") : "nothing";
  };
  const act = (engine, verb, words, name) => {
    const title = capital(verb);
    const said = `${title}: engine ${engine.id}.`;
    const begin = () =>
      ask({
        title: `${title} engine ${engine.id}?`,
        verb: title,
        words,
        command: `podium workers ${engine.id} ${verb}`,
        said,
        bad: verb === "drain",
        act: async () => {
          await post(`/api/engines/${encodeURIComponent(engine.id)}/${verb}`);
          it.again();
          return `${said} It does so at its next heartbeat.`;
        },
      });
    return html`<span key=${verb}>${button(`${title}…`, begin, verb === "resume" ? "sm one" : "sm", name)}</span>`;
  };
  const actions = (engine) => {
    if (engine.alive === false) return null;
    const going = many(engine.tasks, "task");
    return html`<div class="row right-j">${acting(() => [
      engine.state
        ? act(engine, "resume", "It takes what is due again.", "play")
        : act(
            engine,
            "pause",
            `It takes nothing new until it is resumed; what it has begun ends: ${going}.`,
            "paused",
          ),
      engine.kind !== "embedded" &&
        engine.state !== "draining" &&
        act(
          engine,
          "drain",
          `It takes nothing new, and ends when what it has begun has ended: ${going}. A page that it serves ends with it.`,
          "x",
        ),
    ])}</div>`;
  };
  const slots = (engine) => {
    if (!engine.slots) return html`<span class="dim">–</span>`;
    const label = `${count(engine.tasks)} of ${count(engine.slots)}`;
    const name = engine.tasks >= engine.slots ? "full" : "running";
    return html`<div class="stack gap1 slotbar">${meter([[name, Math.min(engine.tasks, engine.slots)]], engine.slots, `${label} slots in use`)}<span class="small dim">${label}</span></div>`;
  };
  const row = (
    engine,
  ) => html`<tr key=${engine.id}><td>${standing(engine)}</td><td><span class="id">${engine.id}</span><div class="only-n cell">${engine.host} ${engine.pid}</div><div class="only-n">${actions(engine)}</div></td><td class="nw p2">${engine.host} <span class="dim">${engine.pid}</span></td>
    <td class="nw p2">${moment(when(engine.started))}</td><td class="num">${engine.owned ? html`<a href="/runs?q=status:running">${many(engine.owned, "run")}</a>` : html`<span class="dim">nothing</span>`}</td><td class="p2">${slots(engine)}</td>
    <td class="p3 small wrapped">${serves(engine)}<div class="dim">${engine.kind}${engine.drives === "own" ? ", its own runs only" : ""} · ${plain(engine.script.split("/").pop())}</div></td><td class="p3 small nw">${engine.release || "–"}</td><td class="p2">${actions(engine)}</td></tr>`;
  const notes = (engine) => [
    engine.blocked &&
      !engine.stopped &&
      engine.alive !== false &&
      html`<div class="note s-late gap-b">${icon("late")}<span><b class="id">${engine.id}</b> ${engine.blocked}</span></div>`,
    Object.entries(engine.full).map(
      ([option, slots]) =>
        html`<div class="note s-full gap-b">${icon("late")}<span><b class="id">${engine.id}</b> all ${slots} slots of <code>${option}</code> have been held for too long</span></div>`,
    ),
    Object.entries(engine.broken).map(
      ([module, text]) =>
        html`<div class="note s-failed gap-b">${icon("failed")}<span><b>${module}</b> was not loaded by <span class="id">${engine.id}</span>: ${text}</span></div>`,
    ),
  ];
  function view() {
    if (!it.data)
      return it.error
        ? unread(it.error, () => it.again())
        : html`<div class="head"><h1>Workers</h1></div>${skeleton(5)}`;
    const engines = it.data.items;
    const alive = engines.filter((engine) => engine.alive && !engine.stopped);
    const hosts = new Set(alive.map((engine) => engine.host)).size;
    const dead = engines.filter((engine) => engine.alive === false && !engine.stopped);
    const says = `${count(alive.length)} of ${many(engines.length, "engine")} ${alive.length === 1 ? "is" : "are"} alive on ${many(hosts, "host")}.${dead.length ? ` ${many(dead.length, "has", "have")} died: whatever they drove is taken over by those alive.` : ""}`;
    return html`<div class="head"><h1>Workers</h1><div class="acts">${cli("podium workers")}</div><p class="says">${engines.length ? says : "No engine has been here."}</p></div>${engines.map(notes)}
      <section class="panel" aria-label="Engines">${engines.length ? html`<div class="scroll"><table class="t"><caption class="sr">Engines</caption><thead><tr><th scope="col">State</th><th scope="col">Engine</th><th scope="col" class="p2">Host, pid</th><th scope="col" class="p2">Started</th><th scope="col" class="num">Drives</th><th scope="col" class="p2">Slots</th><th scope="col" class="p3">Serves</th><th scope="col" class="p3">Version</th><th scope="col" class="p2"><span class="sr">Actions</span></th></tr></thead><tbody>${engines.map(row)}</tbody></table></div>` : empty("No engine is alive", "Runs wait until one drives them:", "podium worker MODULE")}
      <div class="ph small dim"><span>On this machine a free lock tells of a death at once.</span><span class="right">${cli("podium worker MODULE -c 32")}</span></div></section>`;
  }
  return {
    title: () =>
      it.data ? `${it.data.items.filter((engine) => engine.alive && !engine.stopped).length} engines alive` : "Workers",
    command: () => "podium workers",
    view,
    heard: (topic) => (topic === "reset" || topic === "engine") && it.again(),
    stop() {
      clearInterval(timer);
      it.stop();
    },
  };
}
