// One run: what it is, in a sentence; what happened, over time; what it said; what can be done with it.

import { get, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { dialog, preview } from "../lib/overlays.js";
import { button, cli, idText, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { RunRecord } from "../lib/record.js";
import { icon, LETTER, state } from "../lib/signs.js";
import { untagged } from "../lib/tagged.js";
import { acting, mayAct } from "../lib/who.js";
import {
  argumentsOf,
  capital,
  count,
  day,
  fresh,
  full,
  hms,
  many,
  now,
  plain,
  runPath,
  runsPath,
  shell,
  span,
  when,
  whole,
  zoneName,
} from "../lib/words.js";
import { fork, settle } from "./deciding.js";
import { graphTab } from "./graph.js";
import { dataTab, drawer, historyTab, logsTab, stepsTab, whyTab } from "./tabs.js";
import { timeline } from "./timeline.js";

const TABS = ["timeline", "steps", "graph", "logs", "data", "why", "history"];
const HEAD_EVERY = 500; // milliseconds: what is read there is reckoned from the whole history
const LETTERS = { t: "timeline", e: "graph", l: "logs", d: "data", y: "why" };

export default function run(place, { draw }) {
  const id = place.id;
  const record = new RunRecord(id);
  let picked = null;
  let tab = TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "timeline";
  let opened = null; // the open tab, with what it reads
  const where = (what = "") => `/api/runs/${encodeURIComponent(id)}${what}`;

  const head = reading((signal) => get(where(), {}, signal), draw, HEAD_EVERY);
  const history = reading((signal) => record.more(signal, draw), draw);
  const it = () => head.data;
  const pick = (step) => {
    picked = step === picked ? null : step;
    if (picked) tell(`Step ${picked.n}, ${picked.fn}: ${picked.state}`);
    draw();
  };
  const shared = {
    id,
    run: it,
    record,
    draw,
    pick,
    isPicked: (step) => step === picked,
    actions: () => actions(),
    words: place.query.get("find") ?? "", // what the steps are narrowed to when their tab is opened
    open: (name) => show("steps", name),
  };
  const makers = { timeline, steps: stepsTab, graph: graphTab, logs: logsTab, data: dataTab, why: whyTab, history: historyTab };
  function show(name, words = "") {
    opened?.stop?.();
    shared.words = words;
    tab = name;
    opened = makers[name](shared);
    window.history.replaceState(null, "", `${location.pathname}${location.search}#${name}`);
    draw();
  }
  opened = makers[tab](shared);
  let said = "";
  function tell(text) {
    if (text !== said) document.getElementById("say").textContent = said = text;
  }

  // -- what can be done -----------------------------------------------------------------------------------------------
  const act = (verb, words, command, { bad = false, body = {}, done } = {}) =>
    preview({
      verb,
      words,
      bad,
      command,
      runs: [it()],
      act: async () => {
        const answer = await post(where(`/${verb.toLowerCase()}`), body);
        head.again();
        history.again();
        return done ? done(answer) : `${verb}: done.`;
      },
    });
  const kept = () => many(record.steps.filter((step) => step.state === "succeeded").length, "step");
  const retry = () =>
    act(
      "Retry",
      `It becomes a new run that goes on at the step that failed. ${kept()} before it are on record and are not done again. With the same code and the same input it will most likely fail again: mend the code first.`,
      `podium retry ${id}`,
      {
        done: (answer) => ({
          text: "Retried as a new run.",
          link: answer?.id && { text: answer.id, href: runPath(answer.id) },
        }),
      },
    );
  const resume = () =>
    act(
      "Resume",
      "It goes on from its record, by the code as it is now. If that still does not fit the record, it parks again and says where.",
      `podium resume ${id}`,
    );
  const cancel = () =>
    act("Cancel", "Its body is asked to stop and may clean up. What it has recorded stays.", `podium cancel ${id}`, {
      bad: true,
    });
  const pause = () =>
    act("Pause", "It begins nothing new; what has begun ends. Then it waits until it is resumed.", `podium pause ${id}`);
  const terminate = () =>
    act("Terminate", "It ends at once, without running its body: nothing is cleaned up.", `podium terminate ${id}`, {
      bad: true,
    });
  const ACTS = {
    retry: [retry, "one", "retrying"],
    resume: [resume, "one", "play"],
    pause: [pause, "", "paused"],
    cancel: [cancel, "bad", "cancelled"],
    terminate: [terminate, "bad", "x"],
  };
  // A run that is parked over a step which only a person can know of says so by the command that moves it.
  const unknown = () =>
    it()?.state === "parked" ? /podium settle \S+ (\S+)/.exec(it().cause.details.join("\n"))?.[1] : null;
  const decide = () =>
    settle(id, unknown(), it().cause.what, async (body) => {
      await post(where("/settle"), body);
      head.again();
      history.again();
      return "Settled: it goes on.";
    });
  // A message and a timer are no step that a copy could end before.
  const canFork = (step) => mayAct() && step && step.key.includes("/") && !step.key.startsWith("message ");
  const copy = (step) =>
    fork(id, step, async (body) => {
      const made = await post(where("/fork"), body);
      return { text: "Forked as a new run.", link: { text: made.id, href: runPath(made.id) } };
    });
  const can = (verb) => mayAct() && (it()?.actions ?? []).some((action) => action.verb === verb);
  // One that asks something of a person is moved by the answer.
  const asks = () => it()?.cause.fix.startsWith("podium answer ") && html`<a key="answer" class="btn one" href="/waiting">${icon("asks")}Answer…</a>`;
  const actions = () =>
    it()?.actions.length > 0 &&
    acting(() => [
      asks(),
      unknown() && button("Settle…", decide, "one", "asks"),
      ...Object.entries(ACTS)
        .filter(([verb]) => can(verb))
        .map(
          ([verb, [begin, kind, name]]) =>
            html`<span key=${verb}>${button(`${capital(verb)}…`, begin, unknown() && kind === "one" ? "" : kind, name)}</span>`,
        ),
    ]);
  const elsewhere = () => {
    const run = it();
    const flags = Object.entries(untagged(run.input ?? {}))
      .map(
        ([name, value]) =>
          `--${name.replaceAll("_", "-")} ${shell(typeof value === "string" ? value : JSON.stringify(value))}`,
      )
      .join(" ");
    const body = JSON.stringify({ function: run.function, input: untagged(run.input) });
    dialog(
      "Take it elsewhere",
      () => html`<h3>In the terminal</h3>${cli(`podium run ${run.function} -- ${flags}`, true)}<h3>In Python</h3>${cli(`${plain(run.function)}.run(${run.call.endsWith("…") ? argumentsOf(run.input) : run.call})`, true)}
      <h3>Over HTTP</h3>${cli(`curl -H "Authorization: Bearer $TOKEN" ${location.origin}/api/runs -d ${shell(body)}`, true)}`,
      (close) => html`${button("Close", close)}<a class="btn" download="" href=${where("/export")}>Save as one HTML file</a>`,
    );
  };

  // -- what it says -----------------------------------------------------------------------------------------------------
  // What was lost is said before it is drawn.
  function takeover() {
    const turn = record.takeovers[0];
    if (!turn) return it().owners_lost ? " Its owner was lost, and the run was freed of it." : "";
    const more = record.takeovers.length - 1;
    const again = more ? ` ${many(more, "more owner was", "more owners were")} lost since.` : "";
    const taken = turn.taken ?? (it().ended || it().owners.length ? turn.at : null);
    if (taken == null) return ` Its owner was lost, and none has taken it over yet.${again}`;
    const before = record.entries.filter((entry) => entry.kind === "result" && entry.ms <= turn.lost).length;
    const kept = before ? `: of ${many(before, "recorded step")} none was done again` : "";
    return ` Its owner was lost and another took over, ${span((taken - turn.lost) / 1000)} after its last sign${kept}.${again}`;
  }
  const fact = (name, value, more) =>
    html`<div><dt>${name}</dt><dd>${value} ${more && html`<span class="dim">${more}</span>`}</dd></div>`;
  // What its workflow's own history says: of one that has ended what is usual, of one that runs what is left.
  function usual(run, seconds) {
    if (run.median == null) return null;
    const by = `by the median of ${many(run.median_of, "run")}`;
    if (run.state !== "running") return html`<span title=${by}>median ${span(run.median)}</span>`;
    return html`<span title=${by}>${seconds < run.median ? `about ${span(run.median - seconds)} left` : `longer than usual, ${span(run.median)}`}</span>`;
  }
  function facts(run) {
    const begin = when(run.started ?? run.created);
    const seconds = ((when(run.ended) ?? now()) - begin) / 1000;
    const tries = record.steps.reduce((sum, step) => sum + step.tries.length, 0);
    const again = tries - record.steps.length;
    const owner = run.owners[run.owners.length - 1];
    const ownerText = owner && !run.ended ? `pid ${owner.pid}` : "none now";
    return html`<dl class="facts">${fact(run.started ? "Started" : "Created", html`<time title=${full(begin)}>${day(begin)}, ${hms(begin)} ${zoneName(begin)}</time>`)}
      ${fact(run.ended ? "Took" : "For", span(seconds), usual(run, seconds))}${fact("Steps on record", count(record.recorded))}
      ${fact("Tries", count(tries), again > 0 && `${count(again)} again`)}${fact("Owner", ownerText, run.owners_lost > 0 && `${many(run.owners_lost, "owner")} lost`)}
      ${run.starter && fact("Began by", plain(run.starter.split("/").pop()))}${run.origin && fact("Retry of", runLink(run.origin))}${run.parent && fact("Child of", runLink(run.parent))}${run.due && !run.ended && fact("Due", moment(when(run.due)))}</dl>`;
  }
  function failure(run) {
    const error = run.error;
    if (!error || run.state !== "failed") return null;
    const frames = error.frames ?? read(error.traceback ?? "");
    return html`<section class="panel" id="error" aria-labelledby="error-title"><div class="ph"><h2 id="error-title">Error</h2><span class="sub">${error.call ?? ""}</span></div><div class="pb stack gap3">
      <p class="errline">${plain(error.type)}: ${error.message}</p>${frames.map(
        (
          frame,
          i,
        ) => html`<div class="stack gap1"><div class="row small wrap"><b>${frame.place}</b><span class="dim">in ${frame.name}</span><button type="button" class="btn ghost sm right" data-copy=${frame.place}>Copy place</button></div>
        <div class="code" tabindex="0" role="region" aria-label="Source, ${frame.place}"><div class=${i === 0 ? "hit" : ""}><span class="ln">${frame.line}</span><span>${frame.text}</span></div></div></div>`,
      )}
      ${cli(`podium retry ${id}`, true)}</div></section>`;
  }

  function view() {
    const run = it();
    if (!run)
      return html`<div class="head"><h1>${idText(id)}</h1></div>${head.error ? unread(head.error, () => head.again()) : skeleton(10)}`;
    tell(`${plain(run.function)}: ${run.state}`);
    record.loses(run.losses, when(run.started ?? run.created));
    if (run.state === "parked") record.stands();
    const counts = { steps: record.steps.length, logs: run.logs, history: record.entries.length };
    const width = document.getElementById("main").clientWidth - (innerWidth <= 760 ? 28 : 48);
    const beside = picked && (tab === "timeline" || tab === "steps");
    const tabs = TABS.map(
      (
        name,
      ) => html`<button type="button" role="tab" id="tab-${name}" aria-selected=${name === tab} aria-controls="panel" tabindex=${name === tab ? 0 : -1} onclick=${() => show(name)} onkeydown=${tabKey}>
      ${capital(name)}${counts[name] > 0 && html`<span class="n">${count(counts[name])}</span>`}</button>`,
    );
    return html`<div class="crumbs"><a href="/runs">Runs</a><span>/</span><a href=${runsPath(`workflow:${plain(run.function)}`)}>${plain(run.function)}</a><span>/</span>${idText(run.id)}<button type="button" data-copy=${run.id} aria-label="Copy id" class="dim">${icon("copy")}</button>${(run.tags ?? []).map((tag) => html`<a class="tag" href=${runsPath(`tag:${tag}`)}>${tag}</a>`)}</div>
      <div class="head"><h1 class="row wrap">${state(run.state, run.state, true)}<span>${plain(run.function)}</span><span class="arg h1arg">${run.call}</span></h1>
      <div class="acts">${actions()}<button type="button" class="btn ic" aria-label="Copy as" aria-haspopup="dialog" onclick=${elsewhere}>${icon("more")}</button></div><p class="says">${whole(fresh(run.sentence, when(run.ended)))}${takeover()}</p></div>
      ${head.error && html`<div class="note s-retrying">${icon("late")}<span>${head.error.message}</span></div>`}${facts(run)}${failure(run)}
      <div class="tabs" role="tablist" aria-label="Views of the run">${tabs}</div><div role="tabpanel" id="panel" aria-labelledby="tab-${tab}">
      ${history.error && !record.entries.length && tab !== "logs" ? unread(history.error, () => history.again()) : html`<div class="runbody ${beside ? "open" : ""}"><div>${opened.view(width - (beside && innerWidth > 1180 ? 364 : 0))}</div>${beside && drawer({ id, step: picked, close: () => pick(picked), fork: canFork(picked) && (() => copy(picked)) })}</div>`}</div>`;
  }
  const tabKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    show(TABS[(TABS.indexOf(tab) + step) % TABS.length]);
    requestAnimationFrame(() => document.getElementById(`tab-${tab}`).focus());
  };

  return {
    title: () => (it() ? `${LETTER[it().state]} ${plain(it().function)} · ${id}` : id),
    command: () => `podium ${tab === "logs" ? "logs" : tab === "why" ? "why" : "show"} ${id}`,
    view,
    heard(topic, data) {
      if (topic !== "reset" && data.run !== id && data.id !== id) return;
      if (topic === "step") {
        for (const [key, how] of Object.entries(data.steps)) if (how === "running") record.begin(key, now());
        return draw();
      }
      if (topic === "run" && it() && data.logs != null) Object.assign(it(), { state: data.state, entries: data.entries, logs: data.logs });
      head.again();
      history.again();
      opened.heard?.(topic);
    },
    key(event) {
      if (opened.key?.(event)) return true;
      if (LETTERS[event.key]) show(LETTERS[event.key]);
      else if (event.key === "r" && can("retry")) retry();
      else if (event.key === "f" && canFork(picked)) copy(picked);
      else if (event.key === "[" || event.key === "]") {
        const at = picked ? record.steps.indexOf(picked) : -1;
        const next = record.steps[Math.max(0, at + (event.key === "]" ? 1 : -1))];
        if (next && next !== picked) pick(next);
      } else if (event.key === "Escape" && picked) pick(picked);
      else return false;
      return true;
    },
    stop() {
      head.stop();
      history.stop();
      opened.stop?.();
    },
  };
}

/** The frames of a traceback as Python prints it, the innermost first; Podium's own are left out. */
function read(traceback) {
  const frames = [];
  const pattern = /File "([^"]+)", line (\d+), in (\S+)\n(?: {4}(.*)\n?)?/g;
  for (const [, file, line, name, text] of traceback.matchAll(pattern)) {
    if (/[\\/]podium[\\/](machine|engine|executors|client|declare|functions)/.test(file)) continue;
    frames.push({ place: `${file.split("/").slice(-2).join("/")}:${line}`, line, name, text: text ?? "" });
  }
  const parts = traceback.split("It went on through:")[0].match(/File "/g)?.length ?? frames.length;
  return [...frames.slice(0, parts).reverse(), ...frames.slice(parts)];
}
