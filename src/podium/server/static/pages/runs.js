// Runs: a query, the runs that are like that, and what can be done with several at once.

import { get, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { preview, say } from "../lib/overlays.js";
import { button, cli, empty, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon, sign, state } from "../lib/signs.js";
import { acting, mayAct } from "../lib/who.js";
import { count, many, now, plain, runPath, shell, span, when } from "../lib/words.js";
import { gridView } from "./grid.js";

const LIMIT = 50;
const STATES = ["running", "waiting", "queued", "parked", "failed", "cancelled", "succeeded"];
const WORDS = [
  ["status:", "running, waiting, queued, succeeded, failed, cancelled, parked, open, ended"],
  ["workflow:", "its name, with or without module"],
  ["created:", "2h  >2h  <2026-11-20  today"],
  ["started:", "2h  >2h  <2026-11-20  today"],
  ["ended:", "2h  >2h  today"],
  ["tag:", "a word given at the start"],
  ["input.", "a part of the input: input.order.id:1042"],
  ["id:", "its beginning or end"],
  ["parent:", "children of a run"],
  ["origin:", "retries of a run"],
];
const SAVED = [
  ["open", "status:open"],
  ["failed today", "status:failed ended:today"],
  ["needs a decision", "status:parked"],
];

const PAST = { retry: "retried", cancel: "cancelled" };
const WORDS_OF = {
  retry:
    "Each failed or cancelled run becomes a new one that goes on at the step that failed. " +
    "What is on record is not done again. Runs in another state are left alone.",
  cancel: "Running bodies are asked to stop and may clean up. What has ended stays as it is.",
};

/** The words of a query; quotes keep blanks together. */
const split = (text) => text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];

export default function runs(place, { draw, go, address }) {
  let tokens = split(place.query.get("q") ?? "");
  let typed = "";
  let pages = []; // older pages, read by the button
  let next = null;
  let lookedAt = null; // how far the last look went that has not seen all
  let held = 0; // runs that came since and are not shown
  let shown = new Set();
  let at = -1;
  let choice = 0;
  let medians = new Map(); // seconds, by workflow: of the runs on the screen that went well
  let completing = false;
  const picked = new Set((place.query.get("pick") ?? "").split(",").filter(Boolean));
  const query = () => tokens.join(" ");
  const command = () => `podium runs ${tokens.map(shell).join(" ")}`.trim();

  const list = reading((signal) => get("/api/runs", { q: query(), limit: LIMIT }, signal), arrived);
  const facets = reading((signal) => get("/api/runs/facets", { q: query() }, signal), draw);
  let grid = place.query.get("view") === "grid" ? gridView(query, draw) : null; // else they are listed
  let rows = [];

  // Rows never move under the pointer: what is there is changed in place, what is new waits behind a button.
  function arrived() {
    const fresh = list.data?.items ?? [];
    if (!rows.length || held === "show") {
      rows = fresh;
      next = list.data?.next ?? null;
      lookedAt = list.data?.looked_at ?? null;
      pages = [];
      held = 0;
    } else {
      const byId = new Map(fresh.map((run) => [run.id, run]));
      rows = rows.map((run) => byId.get(run.id) ?? run);
      held = fresh.filter((run) => !shown.has(run.id)).length;
    }
    shown = new Set([...rows, ...pages.flat()].map((run) => run.id));
    draw();
  }

  const keep = () => address(new URLSearchParams({ q: query(), view: grid ? "grid" : "" }));
  function see(asGrid) {
    if (asGrid === Boolean(grid)) return;
    grid?.stop();
    grid = asGrid ? gridView(query, draw) : null;
    keep();
    draw();
  }
  function ask(words) {
    tokens = words;
    typed = "";
    completing = false; // what was found is not to lie behind them
    at = -1;
    rows = [];
    keep();
    list.anew();
    facets.anew();
    grid?.anew();
    draw();
  }
  const toggle = (token) => {
    const key = token.split(":")[0];
    ask(
      tokens.includes(token)
        ? tokens.filter((word) => word !== token)
        : [...tokens.filter((word) => word.split(":")[0] !== key), token],
    );
  };
  async function older() {
    try {
      const page = await get("/api/runs", { q: query(), limit: LIMIT, after: next });
      pages.push(page.items);
      next = page.next;
      lookedAt = page.looked_at;
      shown = new Set([...shown, ...page.items.map((run) => run.id)]);
    } catch (error) {
      say(error.message);
    }
    draw();
  }
  const showNew = () => {
    held = "show";
    arrived();
  };
  const all = () => [...rows, ...pages.flat()];
  const pick = (id) => {
    if (!picked.delete(id)) picked.add(id);
    draw();
  };

  function several(verb, words, bad = false) {
    const chosen = all().filter((run) => picked.has(run.id));
    const name = verb.toLowerCase();
    preview({
      verb,
      words,
      bad,
      runs: chosen,
      command: `podium ${name} ${chosen.map((run) => run.id).join(" ")}`,
      act: async () => {
        let done = 0;
        const refused = [];
        for (const run of chosen) {
          try {
            await post(`/api/runs/${encodeURIComponent(run.id)}/${name}`);
            done += 1;
          } catch (error) {
            refused.push(error.message);
          }
        }
        picked.clear();
        list.again();
        return `${verb}: ${many(done, "run")}.${refused.length ? ` ${many(refused.length, "run")} left alone: ${refused[0]}` : ""}`;
      },
    });
  }

  // All that the query finds, also what is not on the screen: the server counts, and refuses when there are more by then.
  async function everyone(verb, words, bad = false) {
    const name = verb.toLowerCase();
    let found;
    try {
      found = await get("/api/runs/preview", { verb: name, q: query() });
    } catch (error) {
      return say(error.message);
    }
    if (!found.count) return say(`No run here can be ${PAST[name]}.`);
    preview({
      verb,
      words,
      bad,
      runs: found.examples,
      total: found.count,
      command: found.command,
      act: async () => {
        const { done } = await post(`/api/runs/${name}`, { q: query(), count: found.count });
        list.again();
        return `${verb}: ${many(done, "run")}.`;
      },
    });
  }

  // -- the query box ----------------------------------------------------------------------------------------------
  const completions = () => {
    const [key, part] = typed.split(":");
    if (part === undefined) return WORDS.filter(([word]) => word.startsWith(typed));
    const known = {
      status: [...STATES, "open", "ended"].map((name) => [`status:${name}`, ""]),
      workflow: (facets.data?.workflow ?? []).map(({ name, n }) => [`workflow:${plain(name)}`, many(n, "run")]),
    };
    return (known[key] ?? []).filter(([word]) => word.startsWith(typed));
  };
  const take = (word) => {
    choice = 0;
    if (word.endsWith(":") || word.endsWith(".")) {
      typed = word;
      const box = document.getElementById("query");
      box.value = word;
      box.focus();
      draw();
    } else {
      const box = document.getElementById("query");
      box.value = "";
      ask([...tokens, word]);
    }
  };
  const boxKey = (event) => {
    const options = completions();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choice = (choice + step + options.length) % Math.max(1, options.length);
    else if (event.key === "Tab" && typed && options[choice]) take(options[choice][0]);
    else if (event.key === "Enter" && typed) take(typed.endsWith(":") && options[choice] ? options[choice][0] : typed);
    else if (event.key === "Backspace" && !typed && tokens.length) ask(tokens.slice(0, -1));
    else if (event.key === "Escape") return event.target.blur();
    else return;
    event.preventDefault();
    draw();
  };
  const box = () => {
    const options = completing ? completions().slice(0, 9) : [];
    return html`<div class="q">${icon("search")}${tokens.map((token) => {
      const [key, ...rest] = token.split(":");
      return html`<span class="chip" key=${token}><b>${rest.length ? `${key}:` : ""}</b>${rest.length ? rest.join(":") : key}
        <button type="button" aria-label="Remove ${token}" onclick=${() => ask(tokens.filter((word) => word !== token))}>${icon("x")}</button></span>`;
    })}<input key="query" type="text" id="query" role="combobox" aria-label="Query" aria-autocomplete="list" aria-expanded=${options.length > 0} aria-controls="completions"
      aria-activedescendant=${options.length ? `completion-${choice}` : null} autocomplete="off" spellcheck="false"
      placeholder=${tokens.length ? "" : "status:failed  workflow:check_machine  started:2d  input.order.id:1042"}
      oninput=${(event) => {
        typed = event.target.value.trim();
        completing = true;
        choice = 0;
        draw();
      }}
      onfocus=${() => {
        completing = true;
        draw();
      }} onblur=${() => {
        completing = false;
        draw();
      }} onkeydown=${boxKey}/>
      <div key="pop" class=${options.length ? "pop" : ""} onmousedown=${(event) => event.preventDefault()}><ul id="completions" role="listbox" aria-label="Completions">${options.map(
        ([word, text], i) =>
          html`<li role="option" id="completion-${i}" aria-selected=${i === choice} onclick=${() => take(word)}><code class="kw">${word}</code><span class="dim">${text}</span></li>`,
      )}</ul></div></div>`;
  };

  // -- what is found ----------------------------------------------------------------------------------------------
  const took = (run) => {
    const begin = when(run.started ?? run.created);
    const end = when(run.ended) ?? now();
    const seconds = run.state === "queued" ? null : (end - begin) / 1000;
    const median = medians.get(run.function);
    const bar =
      median > 0 &&
      seconds != null &&
      html`<span class="bullet s-${run.state}" data-tip="median ${span(median)}, of those shown" css=${{ "--w": `${Math.min(100, (100 * seconds) / (2.5 * median)).toFixed(0)}%`, "--m": "40%" }}><i></i><u></u></span>`;
    return html`<span class="took"><span class="num">${seconds == null ? "–" : span(seconds)}</span>${bar}</span>`;
  };
  function mediansOf(listed) {
    const took = new Map();
    for (const run of listed) {
      if (run.state !== "succeeded" || run.took == null) continue;
      if (!took.has(run.function)) took.set(run.function, []);
      took.get(run.function).push(run.took);
    }
    return new Map(
      [...took]
        .filter(([, list]) => list.length >= 3)
        .map(([name, list]) => [name, list.sort((x, y) => x - y)[list.length >> 1]]),
    );
  }
  const row = (run, i) => html`<tr key=${run.id} aria-selected=${picked.has(run.id)} class=${i === at ? "on" : ""}>
    <td><input type="checkbox" aria-label="Select ${run.id}" checked=${picked.has(run.id)} onchange=${() => pick(run.id)}/></td>
    <td>${state(run.state)}</td>
    <td class="cellname"><div class="clip"><a class="name" href=${runPath(run.id)}>${plain(run.function)}</a> <span class="arg">${run.call}</span></div><div class="only-n">${runLink(run.id)}</div></td>
    <td class="p2">${runLink(run.id)}</td><td class="nw p2">${moment(when(run.created))}</td><td class="p2">${took(run)}</td>
    <td class="num p3"><span class="row right-j">${run.undriven && html`<span data-tip="No live engine drives it: podium why ${run.id}">${sign("late", "undriven")}</span>`}
      ${run.owners_lost > 0 && html`<span data-tip="${many(run.owners_lost, "owner")} died holding it">${sign("lost", "taken over")}</span>`}<span>${count(run.entries)}</span></span></td></tr>`;
  const table = () => {
    const listed = all();
    medians = mediansOf(listed);
    if (list.error && !listed.length) return unread(list.error, () => list.again());
    if (!list.data && !listed.length) return skeleton(12);
    if (!listed.length && next) {
      return html`<div class="empty"><h2>No run is like that among the newest ${count((pages.length + 1) * lookedAt)}</h2><p>Older ones were not looked at: no index leads to these words.</p>${button("Look further", older, "sm")}</div>`;
    }
    if (!listed.length) {
      return tokens.length
        ? empty("No run is like that", "Take a word away, or start one:", "podium run module:workflow")
        : empty(
            "Nothing has run here yet",
            "The first run shows up here by itself. Start one:",
            "podium run module:workflow",
          );
    }
    const everyone = listed.length > 0 && listed.every((run) => picked.has(run.id));
    const pickAll = () => {
      for (const run of listed) {
        if (everyone) picked.delete(run.id);
        else picked.add(run.id);
      }
      draw();
    };
    return html`<div class="scroll"><table class="t runs" id="runs"><caption class="sr">Runs, newest first</caption><thead><tr>
      <th scope="col"><input type="checkbox" aria-label="Select all shown" checked=${everyone} onchange=${pickAll}/></th><th scope="col">State</th><th scope="col">Workflow and input</th>
      <th scope="col" class="p2">Id</th><th scope="col" class="p2">Created</th><th scope="col" class="p2">Took</th><th scope="col" class="num p3">Entries</th></tr></thead><tbody>${listed.map(row)}</tbody></table></div>
      <div class="ph small"><span class="dim">${count(listed.length)} shown, newest first${lookedAt ? `; ${count(lookedAt)} runs were looked at, no index leads to these words` : ""}</span>${next && html`<span class="right">${button(lookedAt ? "Look further" : "Older", older, "sm")}</span>`}</div>`;
  };
  const facet = (title, key, entries) =>
    entries.length > 0 &&
    html`<div class="facet" role="group" aria-label=${title}><h2>${title}</h2>${entries.map(
      ([
        name,
        n,
        exact = true,
      ]) => html`<button type="button" key=${name} aria-pressed=${tokens.includes(`${key}:${plain(name)}`)} onclick=${() => toggle(`${key}:${plain(name)}`)}>
      ${key === "status" ? state(name) : html`<span class="clip">${plain(name)}</span>`}<span class="num">${n == null || (!exact && !n) ? "" : `${count(n)}${exact ? "" : "+"}`}</span></button>`,
    )}</div>`;
  const sideFacets = () => {
    const counts = facets.data?.status ?? {};
    const states = STATES.map((name) => [name, facets.data ? (counts[name] ?? 0) : null, facets.data?.exact]);
    return html`<aside class="facets" aria-label="Narrow down"><div class="facet" role="group" aria-label="Saved"><h2>Saved</h2>${SAVED.map(([label, words]) => html`<button type="button" aria-pressed=${query() === words} onclick=${() => ask(query() === words ? [] : split(words))}><span class="clip">${label}</span></button>`)}</div>
      ${facet("State", "status", states)}${facet(
        "Workflow",
        "workflow",
        (facets.data?.workflow ?? []).map(({ name, n, exact }) => [name, n, exact]),
      )}${facets.data && !facets.data.exact && html`<p class="small dim">A plus: at least so many match.</p>`}</aside>`;
  };
  const bulk = () =>
    picked.size > 0 &&
    html`<div class="bulk" role="region" aria-label="Selected runs"><b>${picked.size} selected</b>
      ${acting(() => [button("Retry…", retry, "sm", "retrying"), button("Cancel…", cancel, "sm", "cancelled")])}
      <span class="p3">${cli(`podium retry ${[...picked].slice(0, 3).join(" ")}${picked.size > 3 ? " …" : ""}`)}</span>
      <button type="button" class="btn ghost sm right" onclick=${clear}>Clear <kbd>Esc</kbd></button></div>`;
  const retry = () => several("Retry", WORDS_OF.retry);
  const cancel = () => several("Cancel", WORDS_OF.cancel, true);
  const clear = () => {
    picked.clear();
    draw();
  };

  const listed = () => html`<section class="panel" aria-label="Runs found"><div class="ph"><h2>${tokens.length ? query() : "All runs"}</h2><span class="sub">newest first</span>
          ${held > 0 && html`<button type="button" class="newpill" onclick=${showNew}>${count(held)} new, show</button>`}
          ${list.error && all().length > 0 && html`<span class="st s-retrying">${icon("late")}<span>${list.error.message}</span></span>`}
          ${mayAct() && tokens.length > 0 && all().length > 0 && html`<span class="right row">${button("Retry all…", () => everyone("Retry", WORDS_OF.retry), "sm ghost", "retrying")}${button("Cancel all…", () => everyone("Cancel", WORDS_OF.cancel, true), "sm ghost", "cancelled")}</span>`}
          <span class="right sub p2"><kbd>j</kbd> <kbd>k</kbd> move  <kbd>x</kbd> select  <kbd>Enter</kbd> open</span></div>${table()}</section>`;
  const views = () =>
    html`<span class="seg" role="group" aria-label="View"><button type="button" aria-pressed=${!grid} onclick=${() => see(false)}>List</button><button type="button" aria-pressed=${Boolean(grid)} onclick=${() => see(true)}>Runs × steps</button></span>`;

  return {
    title: () => (tokens.length ? `Runs: ${query()}` : "Runs"),
    command,
    view: () => html`<div class="head"><h1>Runs</h1><div class="acts">${cli(command())}</div></div>
      <div class="cols c-facet">${sideFacets()}<div class="stack gap3"><div class="row wrap">${box()}${views()}</div>${grid ? grid.view() : listed()}</div></div>${bulk()}`,
    heard(topic) {
      if (topic !== "run" && topic !== "reset") return;
      list.again();
      facets.again();
      grid?.again();
    },
    key(event) {
      if (grid) return false;
      const listed = all();
      const step = { j: 1, k: -1 }[event.key];
      if (step) {
        at = Math.max(0, Math.min(listed.length - 1, at + step));
        draw();
        requestAnimationFrame(() => document.querySelector("#runs tr.on")?.scrollIntoView({ block: "nearest" }));
      } else if (event.key === "x" && listed[at]) pick(listed[at].id);
      else if (event.key === "Enter" && listed[at] && event.target === document.body) go(runPath(listed[at].id));
      else if (event.key === "r" && picked.size && mayAct()) retry();
      else if (event.key === "Escape" && picked.size) clear();
      else return false;
      return true;
    },
    stop() {
      list.stop();
      facets.stop();
      grid?.stop();
    },
  };
}
