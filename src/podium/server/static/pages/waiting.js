// Waiting: what runs ask of people, each with the form of its type; and what waits for something else, which moves by itself.

import { get, post } from "../lib/api.js";
import { form } from "../lib/form.js";
import { html } from "../lib/html.js";
import { ask } from "../lib/overlays.js";
import { button, cli, empty, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, state } from "../lib/signs.js";
import { treeOf } from "../lib/values.js";
import { acting } from "../lib/who.js";
import { many, now, plain, runPath, shell, span, when } from "../lib/words.js";

const OTHERS = 20;

export default function waiting(_place, { draw }) {
  const forms = new Map(); // by question, so that what is typed stays while others come and go
  const asks = reading((signal) => get("/api/asks", {}, signal), draw);
  const others = reading((signal) => get("/api/runs", { q: "status:waiting", limit: OTHERS }, signal), draw);

  function formOf(one) {
    if (!forms.has(one.id)) {
      forms.set(one.id, form([{ name: "answer", annotation: "", required: true, schema: one.schema ?? {} }], draw));
    }
    return forms.get(one.id);
  }
  const command = (one, value) =>
    `podium answer ${one.run} ${value === undefined ? "VALUE" : shell(JSON.stringify(value))}${several(one) ? ` --ask ${one.id}` : ""}`;
  const several = (one) => asks.data.items.filter((other) => other.run === one.run).length > 1;
  const give = (one, value, word) =>
    ask({
      title: `${word}?`,
      verb: word,
      words:
        "The run goes on with it at once. The first answer counts and stands on record, with who gave it and when.",
      body: html`<p class="errline ink">${one.prompt}</p>`,
      command: command(one, value),
      said: `${word}: ${one.prompt}`,
      act: async () => {
        await post(`/api/runs/${encodeURIComponent(one.run)}/answer`, { value, ask: one.id });
        forms.delete(one.id);
        asks.again();
        others.again();
        return { text: "Answered.", link: { text: one.run, href: runPath(one.run) } };
      },
    });

  function question(one) {
    const due = when(one.due);
    const left =
      due == null ? "waits without end" : due > now() ? `expires in ${span((due - now()) / 1000)}` : "too late now";
    const isYesNo = one.schema?.type === "boolean";
    const fields = isYesNo ? null : formOf(one);
    const value = fields?.values().answer;
    const submit = (event) => {
      event.preventDefault();
      if (fields.isComplete()) give(one, value, "Answer");
    };
    return html`<section class="panel" key=${one.id} aria-label=${one.prompt + " " + one.run}><div class="ph"><span class="st s-asks">${icon("asks")}</span><h2>${one.prompt}</h2><span class="sub">${one.to ? `to ${one.to} · ` : ""}${left}</span><span class="right">${runLink(one.run)}</span></div>
      <div class="pb stack gap3">${one.about !== null && html`<div class="stack gap1"><h3>What it is about</h3><div class="tree framed" tabindex="0" role="region" aria-label=${"About " + one.run}>${treeOf(one.about)}</div></div>`}${acting(() =>
        isYesNo
          ? html`<div class="row">${button("Yes", () => give(one, true, "Yes"), "one", "succeeded")}${button("No", () => give(one, false, "No"), "", "failed")}</div>`
          : html`<form class="stack gap3" onsubmit=${submit}>${fields.view()}<div class="row"><button type="submit" class="btn one" disabled=${!fields.isComplete()}>Answer…</button></div></form>`,
      )}
      ${cli(command(one, value), true)}</div></section>`;
  }
  const other = (run) =>
    html`<tr key=${run.id}><td>${state(run.state)}</td><td><a class="name" href=${runPath(run.id)}>${plain(run.function)}</a></td><td class="p2">${runLink(run.id)}</td><td class="nw">${run.due ? moment(when(run.due)) : html`<span class="dim">no time set</span>`}</td><td class="p3">${cli(`podium why ${run.id}`)}</td></tr>`;

  function view() {
    if (!asks.data)
      return asks.error
        ? unread(asks.error, () => asks.again())
        : html`<div class="head"><h1>Waiting</h1></div>${skeleton(6)}`;
    const items = asks.data.items;
    const asking = new Set(items.map((one) => one.run));
    const moving = (others.data?.items ?? []).filter((run) => !asking.has(run.id));
    const says = items.length
      ? `${many(items.length, "question waits", "questions wait")} for a person.`
      : "No run waits for a person.";
    return html`<div class="head"><h1>Waiting</h1><div class="acts">${cli("podium waiting")}</div><p class="says">${says}</p></div><div class="stack gap4">${items.map(question)}
      ${!items.length && html`<div class="panel">${empty("Nobody is asked", "A run asks by podium.ask, and its question stands here until it is answered.")}</div>`}
      ${moving.length > 0 && html`<section class="panel"><div class="ph"><h2>Moves by itself</h2><span class="sub">when its time comes, or its message; nothing to do here</span><a class="right small" href="/runs?q=status:waiting">all</a></div><div class="scroll"><table class="t"><caption class="sr">Runs that wait for no person</caption><thead><tr><th scope="col">State</th><th scope="col">Workflow</th><th scope="col" class="p2">Id</th><th scope="col">Due</th><th scope="col" class="p3">Why</th></tr></thead><tbody>${moving.map(other)}</tbody></table></div></section>`}</div>`;
  }
  return {
    title: () => (asks.data?.items.length ? `? ${many(asks.data.items.length, "question")}` : "Waiting"),
    command: () => "podium waiting",
    view,
    heard(topic) {
      if (topic !== "run" && topic !== "reset") return;
      asks.again();
      others.again();
    },
    stop() {
      asks.stop();
      others.stop();
    },
  };
}
