// Settings: what counts and where it was said, and whether the store is well. Nothing is changed here: the environment is.

import { get } from "../lib/api.js";
import { html } from "../lib/html.js";
import { cli, moment, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, sign, state } from "../lib/signs.js";
import { many, when } from "../lib/words.js";

export default function settings(_place, { draw }) {
  const config = reading((signal) => get("/api/config", {}, signal), draw);
  const audit = reading((signal) => get("/api/audit", { limit: 30 }, signal), draw);
  const tokens = reading((signal) => get("/api/tokens", {}, signal), draw);
  const doctor = reading((signal) => get("/api/doctor", {}, signal), draw);

  const setting = (one) =>
    html`<tr key=${one.name}><td><code class="nw">${one.name}</code><div class="small dim only-n">${one.meaning}</div></td><td class="cfg ${one.value === one.default ? "dim" : ""}">${one.value === "" ? "–" : String(one.value)}</td><td class="small p2 ${one.origin === "default" ? "dim" : ""}">${one.origin}</td><td class="small dim p2">${one.meaning}</td></tr>`;
  const option = (one) =>
    html`<tr key=${one.name}><td><code>${one.name}</code></td><td class="num">${typeof one.default === "number" ? one.default.toLocaleString("en-GB") : String(one.default)}</td></tr>`;
  const finding = (one) =>
    html`<li key=${one.name} class=${one.is_well ? "" : "hit s-late"}>${one.is_well ? sign("succeeded", "well") : icon("late")}<span>${one.name}</span><span class="small wrapped">${one.text}${one.fix && html`<div class="dim">${one.fix}</div>`}</span></li>`;
  const deed = (one) =>
    html`<tr key=${one.n}><td class="nw small">${moment(when(one.at))}</td><td class="small p2">${one.by} <span class="dim">${one.role}</span></td><td class="wrapped">${one.verb} <span class="id">${one.target}</span>${one.said && html`<div class="arg wrapped">${one.said}</div>`}</td><td class="small num">${one.outcome === "done" ? sign("succeeded", "done") : one.outcome || "cut off"}</td></tr>`;
  const read = (it, body) => (it.data ? body() : it.error ? unread(it.error, () => it.again()) : skeleton(6));

  // Who may not see it is not told that something is there.
  const forAdmins = (it, head, body) =>
    it.error?.status === 403 ? null : html`<section class="panel">${head}${read(it, body)}</section>`;

  return {
    title: () => (doctor.data && !doctor.data.well ? "Settings: the store is not well" : "Settings"),
    command: () => "podium config",
    view: () => html`<div class="head"><h1>Settings</h1><div class="acts">${cli("podium config")}${cli("podium doctor")}</div><p class="says">What counts, and where it was said. The page changes none of it: the environment does, and <code>podium doctor</code> checks it.</p></div>
      <div class="cols c-32"><div class="stack gap4"><section class="panel"><div class="ph"><h2>Configuration</h2><span class="sub">of the process that serves this page</span></div>${read(config, () => html`<div class="scroll" tabindex="0" role="region" aria-label="Settings"><table class="t"><caption class="sr">Settings</caption><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col" class="p2">From</th><th scope="col" class="p2">Meaning</th></tr></thead><tbody>${config.data.settings.map(setting)}</tbody></table></div>`)}</section>
      <section class="panel"><div class="ph"><h2>Options of an engine</h2><span class="sub">their defaults</span></div>${read(config, () => html`<div class="scroll" tabindex="0" role="region" aria-label="Options"><table class="t"><caption class="sr">Options</caption><tbody>${config.data.options.map(option)}</tbody></table></div>`)}</section></div>
      <div class="stack gap4"><section class="panel"><div class="ph"><h2>Store</h2>${doctor.data && (doctor.data.well ? state("succeeded", "all is well") : state("late", `${many(doctor.data.findings.filter((one) => !one.is_well).length, "thing")} to see to`))}<button type="button" class="btn sm right" onclick=${() => doctor.again()}>Look again</button></div>
      ${read(doctor, () => html`<p class="pb small wrapped"><code>${doctor.data.store}</code></p><ul class="checks slim">${doctor.data.findings.map(finding)}</ul>`)}</section>
      ${forAdmins(audit, html`<div class="ph"><h2>Who did what</h2><span class="sub">every change that was asked for over HTTP, newest first</span></div>`, () => (audit.data.items.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Audit log"><table class="t"><caption class="sr">Audit log</caption><tbody>${audit.data.items.map(deed)}</tbody></table></div>` : html`<p class="pb dim">Nothing was changed yet.</p>`))}
      ${forAdmins(tokens, html`<div class="ph"><h2>Access</h2><span class="sub">tokens by name; what they are is shown nowhere</span></div>`, () => html`<div class="scroll" tabindex="0" role="region" aria-label="Tokens"><table class="t"><caption class="sr">Tokens</caption><tbody>${tokens.data.items.map((one) => html`<tr key=${one.name}><td><code>${one.name}</code></td><td>${one.role}</td></tr>`)}</tbody></table></div>`)}</div></div>`,
    heard(topic) {
      if (topic !== "reset") return;
      for (const it of [config, doctor, audit, tokens]) it.again();
    },
    stop() {
      for (const it of [config, doctor, audit, tokens]) it.stop();
    },
  };
}
