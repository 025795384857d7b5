// Workflows: what can be started here, how its last runs went, and the form that starts one.

import { get, post } from "../lib/api.js";
import { runBars } from "../lib/charts.js";
import { form } from "../lib/form.js";
import { html } from "../lib/html.js";
import { say } from "../lib/overlays.js";
import { cli, empty, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon } from "../lib/signs.js";
import { acting } from "../lib/who.js";
import { argumentsOf, many, plain, runPath, runsPath, shell, span } from "../lib/words.js";

export default function workflows(place, { draw, address, go }) {
  let chosen = place.query.get("w") ?? "";
  let shown = null; // the workflow that the form is of
  let fields = null;
  let id = "";
  let tags = "";
  let busy = false;
  let refused = null;
  const it = reading((signal) => get("/api/workflows", {}, signal), draw);

  const current = () =>
    it.data.items.find((item) => item.name === chosen || plain(item.name) === chosen) ?? it.data.items[0];
  function choose(name) {
    chosen = name;
    address(new URLSearchParams({ w: plain(name) }));
    draw();
  }
  function watch(item) {
    if (shown === item.name) return;
    shown = item.name;
    refused = null;
    fields = form(item.parameters, draw);
  }

  const flag = ([name, value]) =>
    `--${name.replaceAll("_", "-")} ${shell(typeof value === "string" ? value : JSON.stringify(value))}`;
  const command = (item) => {
    const given = Object.entries(fields.values()).map(flag).join(" ");
    const about = [
      id && `--id ${shell(id)}`,
      ...tags
        .split(/\s+/)
        .filter(Boolean)
        .map((tag) => `--tag ${shell(tag)}`),
    ]
      .filter(Boolean)
      .join(" ");
    return ["podium run", about, item.name, given && `-- ${given}`].filter(Boolean).join(" ");
  };
  async function start(event) {
    event.preventDefault();
    if (busy || !fields.isComplete()) return;
    busy = true;
    refused = null;
    draw();
    try {
      const run = await post("/api/runs", {
        function: shown,
        input: fields.values(),
        ...(id && { id }),
        tags: tags.split(/\s+/).filter(Boolean),
      });
      say("Started, and on record.");
      go(runPath(run.id));
    } catch (error) {
      refused = error;
    }
    busy = false;
    draw();
  }
  async function asBefore(item) {
    try {
      const last = item.bars[item.bars.length - 1];
      fields.fill((await get(`/api/runs/${encodeURIComponent(last.id)}`)).input);
      say(`Filled in from ${last.id}.`);
    } catch (error) {
      say(error.message);
    }
  }

  const median = (bars) => {
    const took = bars
      .filter((bar) => bar.state === "succeeded" && bar.took != null)
      .map((bar) => bar.took)
      .sort((a, b) => a - b);
    return took.length ? took[took.length >> 1] : null;
  };
  const share = (bars) => {
    const ended = bars.filter((bar) => ["succeeded", "failed", "cancelled"].includes(bar.state));
    return ended.length
      ? `${((100 * ended.filter((bar) => bar.state === "succeeded").length) / ended.length).toFixed(0)} %`
      : "";
  };
  const entry = (
    item,
    on,
  ) => html`<button type="button" class="choice" key=${item.name} aria-current=${on} onclick=${() => choose(item.name)}><span class="row"><span class="name clip">${item.label}</span><span class="right small dim nw">${median(item.bars) != null && span(median(item.bars))} <b>${share(item.bars)}</b></span></span>
    <span class="row"><span class="small dim clip">${item.module}</span><span class="right wbars">${runBars(item.bars, 160, 20)}</span></span></button>`;

  function starting(item) {
    if (!item.can_start)
      return html`<section class="panel"><div class="note flat">${icon("late")}<span>Its code is not loaded in this process: start it where it is, or serve it here too.</span>${cli(`podium up ${item.module}`)}</div></section>`;
    const values = fields.values();
    const text = (label, value, set, hint) =>
      html`<div class="f"><label for="about-${label}">${label}</label><input class="in mono" id="about-${label}" autocomplete="off" placeholder=${hint} value=${value} oninput=${(
        event,
      ) => {
        set(event.target.value.trim());
        draw();
      }}/></div>`;
    return html`<section class="panel"><div class="ph"><h2>Start</h2><span class="sub">the form is the signature; wrong input is refused before anything is stored</span></div><form class="pb stack gap4" onsubmit=${start} key=${item.name}>
      ${item.parameters.length ? fields.view() : html`<p class="dim">It takes no arguments.</p>`}
      <fieldset class="about"><legend class="dim small">About the run</legend><div class="cols c-2">${text("id", id, (v) => (id = v), "made for you; the same id again is the same run")}${text("tags", tags, (v) => (tags = v), "words to find it by")}</div></fieldset>
      ${refused && html`<div class="note s-failed" role="alert">${icon("failed")}<span>${refused.message}${refused.body?.error?.fix ? ` — ${refused.body.error.fix}` : ""}</span></div>`}
      <div class="stack gap1">${cli(command(item), true)}</div><div class="code plain" tabindex="0" role="region" aria-label="In Python"><div><span>${item.label}.start(${argumentsOf(values)})</span></div></div>
      <div class="row wrap">${acting(() => html`<button type="submit" class="btn one" disabled=${busy || !fields.isComplete()}>${icon("play")}Start</button>`)}
        ${item.bars.length > 0 && html`<button type="button" class="btn" onclick=${() => asBefore(item)}>As in the last run</button>`}
        ${median(item.bars) != null && html`<span class="dim small">Expected: ${span(median(item.bars))}, by the median of its last ${many(item.bars.length, "run")}</span>`}</div></form></section>`;
  }
  function view() {
    if (!it.data)
      return it.error
        ? unread(it.error, () => it.again())
        : html`<div class="head"><h1>Workflows</h1></div>${skeleton(8)}`;
    const { items, broken } = it.data;
    const faults = Object.entries(broken);
    const head = html`<div class="head"><h1>Workflows</h1><div class="acts">${cli("podium runs")}</div><p class="says">${many(items.length, "workflow")} in ${many(new Set(items.map((item) => item.module)).size, "module")}, known from the engines that offer them.${faults.length > 0 && ` ${many(faults.length, "module")} could not be loaded.`}</p></div>
      ${faults.map(([module, text]) => html`<div class="note s-failed gap-b" key=${module}>${icon("failed")}<div class="grow"><b>${module} was not loaded:</b> ${text}</div></div>`)}`;
    if (!items.length)
      return html`${head}<div class="panel">${empty("No workflow is known here", "Serve a module that declares some:", "podium up MODULE")}</div>`;
    const item = current();
    watch(item);
    return html`${head}<div class="cols c-list"><section class="panel" aria-label="Workflows">${items.map((one) => entry(one, one === item))}</section>
      <div class="stack gap4"><section class="panel"><div class="ph"><h2>${item.label}</h2><span class="sub wrapped">${item.where.split("/").slice(-2).join("/")}${item.fingerprint && html` · fingerprint <code>${item.fingerprint.slice(0, 8)}</code>`}</span></div><div class="pb stack gap3">
        ${item.doc && html`<p class="doc">${item.doc}</p>`}${item.signature && html`<div class="code plain" tabindex="0" role="region" aria-label="Signature"><div><span>${item.signature}</span></div></div>`}
        <div class="row wrap gap4">${median(item.bars) != null && html`<span>median <b>${span(median(item.bars))}</b></span>`}${share(item.bars) && html`<span>ended as meant <b>${share(item.bars)}</b> <span class="dim">of the last ${item.bars.length}</span></span>`}<a href=${runsPath(`workflow:${item.label}`)}>its runs</a></div>
        ${item.bars.length > 0 && runBars(item.bars, 640, 44)}</div></section>${starting(item)}</div></div>`;
  }
  return {
    title: () => "Workflows",
    command: () => (shown && fields ? command(current()) : "podium runs"),
    view,
    heard: (topic) => (topic === "reset" || topic === "workflow") && it.again(),
    stop: () => it.stop(),
  };
}
