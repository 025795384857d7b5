// Now: what needs a person, the figures, what moves, what comes next.

import { get } from "../lib/api.js";
import { html } from "../lib/html.js";
import { cli, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, sign, state } from "../lib/signs.js";
import {
  count,
  day,
  hm,
  hms,
  many,
  now as clock,
  plain,
  runPath,
  span,
  when,
  zoneName,
} from "../lib/words.js";

const FIRST = [
  [
    "Write a workflow and run it",
    "podium run module:workflow",
    "it appears here while it runs; kill it, run it again, and it goes on",
  ],
  ["Or let a worker drive what others start", "podium worker module", "any number of them, on this machine"],
];
const SIGNS = { asks: "asks", parked: "parked", unserved: "late", orphans: "lost", stuck: "late" };

export default function now(_place, { draw }) {
  const it = reading((signal) => get("/api/now", {}, signal), draw);
  let beat = null;

  const command = (text) => /podium \S.*$/.exec(text ?? "")?.[0];
  const need = (
    one,
  ) => html`<li class="s-${SIGNS[one.kind] ?? "late"}">${icon(SIGNS[one.kind] ?? "late")}<div class="what">${one.text}</div>
    <div class="ctx row wrap">${one.run && runLink(one.run)}${one.due && html`<span>expires ${moment(when(one.due))}</span>`}${command(one.command) !== one.command && one.command}</div>
    <div class="acts">${one.kind === "asks" ? html`<a class="btn" href="/waiting">Answer…</a>` : one.run ? html`<a class="btn" href="${runPath(one.run)}#why">See why</a>` : command(one.command) && cli(command(one.command))}</div></li>`;
  const figure = (name, word, number, unit, more, href) =>
    html`<a href=${href}><span class="k">${sign(name)}${word}</span><span class="v">${count(number)} <small>${unit}</small></span><span class="d">${more}</span></a>`;
  const moving = (
    run,
  ) => html`<li key=${run.id}><div class="row"><a class="name" href=${runPath(run.id)}>${plain(run.function)}</a><span class="arg clip p2">${run.call}</span><span class="right">${runLink(run.id)}</span></div>
    <div class="row small wrap">${state(run.state)}<span>${many(run.entries, "entry", "entries")} on record</span><span class="dim">for ${span(run.took ?? (clock() - when(run.created)) / 1000)}</span>${run.owners_lost > 0 && state("lost", "taken over")}${run.undriven && state("late", "no engine drives it")}</div></li>`;
  const coming = (run) =>
    html`<li key=${run.id}><div class="row">${sign(run.state)}<a class="name" href=${runPath(run.id)}>${plain(run.function)}</a><span class="right nw">${moment(when(run.due))}</span></div><div>${runLink(run.id)}</div></li>`;

  function lastHour(hour) {
    const sum = (name) => hour.reduce((all, minute) => all + minute[name], 0);
    const most = Math.max(1, ...hour.map((minute) => minute.succeeded + minute.failed));
    const said = ["succeeded", "failed"].map((name) => [name, `${count(sum(name))} ${name}`]);
    const bar = (name, n, from, i) =>
      n > 0 && html`<rect class="f-${name}" x=${i + 0.1} width="0.8" y=${100 - (100 * (from + n)) / most} height=${(100 * n) / most}/>`;
    const ended = hour.filter((minute) => minute.succeeded + minute.failed + minute.cancelled);
    return html`<section class="panel" aria-labelledby="hour"><div class="ph"><h2 id="hour">Last hour</h2><span class="sub">runs that ended, by the minute; at most ${count(most)}</span><span class="legend right">${said.map(([name, text]) => state(name, text))}</span></div>
      <div class="pb stack gap1"><svg class="bars" width="100%" height="96" viewBox="0 0 ${hour.length} 100" preserveAspectRatio="none" role="img" aria-label="Runs that ended in the last hour: ${said.map(([, text]) => text).join(", ")}">${hour.map((minute, i) => [
        html`<rect class="f-line" x=${i + 0.1} width="0.8" y="99" height="1"/>`,
        bar("succeeded", minute.succeeded, 0, i),
        bar("failed", minute.failed, minute.succeeded, i),
      ])}</svg><div class="row small dim"><span>${hm(hour[0].at * 1000)}</span><span class="right">${hm(clock())} ${zoneName()}</span></div>
      ${ended.length > 0 && html`<details><summary class="small">As a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Runs that ended in the last hour"><table class="t"><thead><tr><th scope="col">Minute</th><th scope="col" class="num">Succeeded</th><th scope="col" class="num">Failed</th><th scope="col" class="num">Cancelled</th></tr></thead><tbody>${ended.map((minute) => html`<tr key=${minute.at}><td>${hm(minute.at * 1000)}</td><td class="num">${count(minute.succeeded)}</td><td class="num">${count(minute.failed)}</td><td class="num">${count(minute.cancelled)}</td></tr>`)}</tbody></table></div></details>`}</div></section>`;
  }
  function first() {
    return html`<div class="head"><h1>Nothing has run here yet</h1><p class="says">This page listens: the first run shows up by itself, without a reload.</p></div>
      <ol class="stack gap3 first">${FIRST.map(([title, line, text], i) => html`<li class="panel"><div class="pb row gap4 wrap"><b class="big dim">${i + 1}</b><div class="grow"><h2>${title}</h2><p class="dim">${text}</p></div>${cli(line)}</div></li>`)}</ol>`;
  }
  function view() {
    if (!it.data)
      return html`<div class="head"><h1>Now</h1></div>${it.error ? unread(it.error, () => it.again()) : skeleton(10)}`;
    const { needs, figures: f, hour, running, next } = it.data;
    const ended = f.failed + f.succeeded;
    if (!needs.length && !ended && !(f.running + f.waiting + f.queued + f.parked)) return first();
    const title = needs.length
      ? `${many(needs.length, "thing needs", "things need")} you; everything else moves`
      : f.running || f.waiting || f.queued
        ? "Everything moves"
        : "All is quiet";
    const share = ended ? `${((100 * f.succeeded) / ended).toFixed(1)} % as meant` : "none ended";
    return html`<div class="head"><h1>${title}</h1><div class="acts">${cli("podium doctor")}</div><p class="says">${day(clock())}, ${hms(clock())} ${zoneName()} · ${many(ended, "run")} ended in the last 24 h, ${share}</p></div>
      <div class="stack gap4">${needs.length > 0 && html`<section class="panel" aria-labelledby="needs"><div class="ph"><h2 id="needs">Needs you</h2></div><ul class="todo">${needs.map(need)}</ul></section>`}
      <section class="panel figs" aria-label="Figures">
        ${figure("running", "Running", f.running, "runs", "driven right now", "/runs?q=status:running")}
        ${figure("waiting", "Waiting", f.waiting, "runs", "for a time, a message, a slot", "/runs?q=status:waiting")}
        ${figure("queued", "Queued", f.queued, "runs", "not begun", "/runs?q=status:queued")}
        ${figure("parked", "Parked", f.parked, "runs", "need a decision", "/runs?q=status:parked")}
        ${figure("failed", "Failed, 24 h", f.failed, ended ? `runs, ${((100 * f.failed) / ended).toFixed(1)} %` : "runs", "of those that ended", "/runs?q=status:failed ended:1d")}</section>
      <div class="cols c-32"><div class="stack gap4">${lastHour(hour)}<section class="panel"><div class="ph"><h2>In motion</h2><span class="sub">${many(f.running, "run")} running</span><a class="right small" href="/runs?q=status:running">all</a></div>
        ${running.length ? html`<ul class="moving">${running.map(moving)}</ul>` : html`<p class="pb dim">Nothing runs right now.</p>`}</section></div>
      <section class="panel"><div class="ph"><h2>Next</h2><span class="sub">due first</span></div>${next.length ? html`<ul class="moving tight">${next.map(coming)}</ul>` : html`<p class="pb dim">Nothing waits for a time.</p>`}</section></div></div>`;
  }
  return {
    title: () =>
      it.data?.needs.length ? `Now: ${many(it.data.needs.length, "thing needs", "things need")} you` : "Now",
    command: () => "podium doctor",
    view,
    heard(topic) {
      if (topic === "log" || topic === "step") return;
      beat ??= setTimeout(() => {
        beat = null;
        it.again();
      }, 500);
    },
    stop: () => {
      clearTimeout(beat);
      it.stop();
    },
  };
}
