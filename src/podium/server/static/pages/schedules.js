// Schedules: what starts by itself, when next, what was missed; pause, resume, run now, backfill.

import { get, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { ask, dialog, later } from "../lib/overlays.js";
import { button, cli, empty, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, state } from "../lib/signs.js";
import { acting, mayAct } from "../lib/who.js";
import { count, day, full, hms, many, plain, runPath, shell, when, whole, zoneName } from "../lib/words.js";
import { calendar } from "./calendar.js";

const EVERY = 15_000; // milliseconds: instants pass without an event
const STATES = { "on time": "succeeded", paused: "paused", held: "late", undriven: "late" };
const path = (one, verb) => `/api/schedules/${encodeURIComponent(one.name)}/${verb}`;
const command = (one, words) => `podium schedules ${shell(one.name)} ${words}`;

export default function schedules(place, { draw, address }) {
  let chosen = place.query.get("s") ?? "";
  let month = null; // the calendar of the schedule that is shown
  const it = reading((signal) => get("/api/schedules", {}, signal), draw);
  const timer = setInterval(() => document.hidden || it.again(), EVERY);

  function choose(name) {
    chosen = name;
    address(new URLSearchParams({ s: name }));
    draw();
  }
  const change = (one, verb, title, words) =>
    ask({
      title: `${title} ${plain(one.name)}?`,
      verb: title,
      words,
      command: command(one, verb),
      said: `${title}: ${plain(one.name)}.`,
      act: async () => {
        const { run } = await post(path(one, verb));
        it.again();
        return run ? { text: "Started.", link: { text: run, href: runPath(run) } } : `${title}: done.`;
      },
    });
  const acts = (one) => [
    one.state === "paused"
      ? button(
          "Resume…",
          () =>
            change(
              one,
              "resume",
              "Resume",
              "It goes on with the next instant. What passed meanwhile is not made up for: backfill does that.",
            ),
          "one",
          "play",
        )
      : button(
          "Pause…",
          () => change(one, "pause", "Pause", "Nothing is started until it is resumed. Runs that are under way go on."),
          "",
          "paused",
        ),
    button(
      "Run now…",
      () =>
        change(one, "fire", "Run now", "A run is started beside what is scheduled; the next instant stays as it is."),
      "",
      "play",
    ),
    button("Backfill…", () => backfill(one), "", "schedules"),
  ];

  // A backfill is asked for by two dates; the server says what it would start before anything is.
  function backfill(one, begin = "", end = "today") {
    let found = null;
    let problem = "";
    const look = async () => {
      found = null;
      problem = "";
      try {
        if (begin && end) found = await get(path(one, "backfill"), { begin, end });
      } catch (error) {
        problem = error.message;
      }
      box.draw();
    };
    const go = (close) => () => {
      const asked = { begin, end, count: found.count };
      close();
      later(`Backfill: ${many(asked.count, "run")} of ${plain(one.name)}.`, async () => {
        const { started } = await post(path(one, "backfill"), asked);
        it.again();
        return `Started ${many(started, "run")}.`;
      });
    };
    const field = (label, value, set) => html`<div class="f"><label for="backfill-${label}">${label}</label>
      <input class="in mono" id="backfill-${label}" autocomplete="off" value=${value} placeholder="2026-11-20, 2026-11-20T14:00, today" oninput=${(event) => set(event.target.value.trim())} onchange=${look}/></div>`;
    const box = dialog(
      `Backfill ${plain(one.name)}`,
      () => html`<p class="ink2">A run is started for each instant between the two that has none.</p>
        <div class="cols c-2">${field("from", begin, (text) => (begin = text))}${field("until", end, (text) => (end = text))}</div>
        ${problem && html`<p class="err" role="alert">${problem}</p>`}
        ${found && html`<p>${found.count ? `${many(found.count, "run")} would be started.` : "Each instant between has its run."}</p><ul class="small dim">${found.instants.map((at) => html`<li>${full(when(at))}</li>`)}${found.count > found.instants.length && html`<li>and ${count(found.count - found.instants.length)} more</li>`}</ul>`}
        ${cli(found?.command ?? command(one, `backfill ${begin || "FROM"} ${end || "UNTIL"}`), true)}`,
      (
        close,
      ) => html`<button type="button" class="btn one" disabled=${!found?.count} onclick=${go(close)}>${found?.count ? `Start ${many(found.count, "run")}` : "Start"}</button>${button("Look", look)}
        <button type="button" class="btn" onclick=${close}>Leave it</button>`,
    );
    look();
  }

  const entry = (
    one,
    on,
  ) => html`<button type="button" class="choice" key=${one.name} aria-current=${on} onclick=${() => choose(one.name)}><span class="row"><span class="name clip">${plain(one.name)}</span><span class="right">${state(STATES[one.state] ?? "late", one.state)}</span></span>
    <span class="row small dim"><span class="clip">${one.words}</span><span class="right nw">${one.next.length > 0 && one.state === "on time" ? html`next ${moment(when(one.next[0]))}` : ""}</span></span></button>`;
  const inItsZone = (iso) => /T(\d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d\d:\d\d|Z)?$/.exec(iso)?.slice(1).join(" ");
  function calendarOf(one) {
    if (month?.name !== one.name) {
      month?.stop();
      month = calendar(one.name, draw, (begin, end) => mayAct() && backfill(one, begin, end));
    }
    return month;
  }
  function detail(one) {
    const fact = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`<div class="stack gap4"><section class="panel"><div class="ph"><h2>${plain(one.name)}</h2><span class="sub">${one.words}</span><span class="right">${state(STATES[one.state] ?? "late", one.state, true)}</span></div><div class="pb stack gap3">
      ${one.held && html`<div class="note s-late">${icon("late")}<span><b>${one.state === "undriven" ? "Undriven" : "Held"}:</b> ${one.held}</span></div>`}
      <dl class="facts">${fact("Workflow", html`<a href="/workflows?w=${plain(one.workflow)}">${plain(one.workflow)}</a>`)}${fact("Started", count(one.started))}${fact("Missed", count(one.missed))}${fact("Skipped", count(one.skipped))}
        ${one.last_run && fact("Last run", html`${state(one.last_state || "queued")} ${runLink(one.last_run)}`)}</dl>
      <div class="row wrap">${acting(() => acts(one))}</div>${cli(command(one, ""), true)}</div></section>
      <section class="panel"><div class="ph"><h2>Next</h2><span class="sub">by the clock of ${one.zone}, and in ${zoneName()}</span></div>${one.next.length ? html`<div class="scroll"><table class="t"><caption class="sr">Next instants</caption><tbody>${one.next.map((iso) => html`<tr key=${iso}><td class="nw">${day(when(iso))}</td><td class="nw">${hms(when(iso))} ${zoneName(when(iso))}</td><td class="dim nw p2">${inItsZone(iso)}</td><td class="num dim">${moment(when(iso))}</td></tr>`)}</tbody></table></div>` : html`<p class="pb dim">No instant is to come.</p>`}</section>
      ${calendarOf(one).view()}
      ${one.missed_at.length > 0 && html`<section class="panel"><div class="ph"><h2>Missed</h2><span class="sub">nothing was there to start them; a backfill starts those that have no run</span></div><div class="scroll"><table class="t"><caption class="sr">Missed instants</caption><tbody>${one.missed_at.map((iso) => html`<tr key=${iso}><td>${full(when(iso))}</td><td class="num dim">${moment(when(iso))}</td></tr>`)}</tbody></table></div></section>`}</div>`;
  }
  function view() {
    if (!it.data)
      return it.error
        ? unread(it.error, () => it.again())
        : html`<div class="head"><h1>Schedules</h1></div>${skeleton(6)}`;
    const all = it.data.items;
    const off = all.filter((one) => one.state !== "on time").length;
    const says = all.length
      ? `${many(all.length, "schedule")}${off ? `, ${count(off)} not on time` : ", all on time"}`
      : "";
    const head = html`<div class="head"><h1>Schedules</h1><div class="acts">${cli("podium schedules")}</div><p class="says">${whole(says)}</p></div>`;
    if (!all.length)
      return html`${head}<div class="panel">${empty("Nothing starts by itself", 'Give a workflow one, @workflow(schedule=podium.cron("0 9 * * MON-FRI")), and serve its module:', "podium up MODULE")}</div>`;
    const one = all.find((each) => each.name === chosen) ?? all[0];
    return html`${head}<div class="cols c-list"><section class="panel" aria-label="Schedules">${all.map((each) => entry(each, each === one))}</section>${detail(one)}</div>`;
  }
  return {
    title: () => "Schedules",
    command: () => "podium schedules",
    view,
    heard(topic) {
      if (topic !== "reset" && topic !== "run") return;
      it.again();
      month?.again();
    },
    stop() {
      month?.stop();
      clearInterval(timer);
      it.stop();
    },
  };
}
