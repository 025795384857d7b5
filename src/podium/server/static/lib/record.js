// A run's history, folded into steps and their tries. The record is the source: the timeline, the list of steps and the
// history are drawings of it. It only grows, so what is there is kept and only what came since is read.

import { get } from "./api.js";
import { plain, when } from "./words.js";

const PAGE = 1000;
const AHEAD = 5; // a browser has six connections to a server, and one holds the events
const STARTS = new Set(["start", "start_alone"]);
// A message that says what has become of what was asked for or started: of whom, and of which step.
const ANSWERED = /^(outcome|answer|settle)(?:\/(\w+))?:(.+)$/s;
const BOOK_KEEPING = new Set(["turn_began", "turn_survived", "forgiven", "set_aside", "stands", "child"]);

export class RunRecord {
  constructor(id) {
    this.id = id;
    this.entries = [];
    this.steps = [];
    this.byStep = new Map();
    this.takeovers = []; // {at, lost, taken, engine}: freed of an owner that was gone; its last sign, the next one's first
    this.from = null;
    this.to = null;
  }

  /** Read what the history has beyond what is here; of a long one, `begun` is called when its first page is here. */
  async more(signal, begun) {
    const read = (after) => get(`/api/runs/${encodeURIComponent(this.id)}/history`, { after, limit: PAGE }, signal);
    const last = () => (this.entries.length ? this.entries[this.entries.length - 1].seq : 0);
    const coming = [read(last())];
    let asked = last() + PAGE;
    while (coming.length) {
      const page = await coming.shift();
      // Of a long history some pages are on their way while one is folded in: numbers have no gaps.
      for (; asked < page.count && coming.length < AHEAD; asked += PAGE) coming.push(read(asked));
      for (const entry of page.items) if (entry.seq > last()) this.add(entry);
      if (coming.length && this.entries.length === PAGE) begun();
    }
  }

  add(entry) {
    this.entries.push(entry);
    entry.ms = when(entry.at);
    const begun = entry.began ? when(entry.began) : null;
    const first = begun ?? entry.ms;
    if (this.from == null || first < this.from) this.from = first;
    if (this.to == null || entry.ms > this.to) this.to = entry.ms;
    if (BOOK_KEEPING.has(entry.kind)) return;
    if (!entry.step && entry.kind !== "message") return;
    const [, kind, how, key] = (entry.kind === "message" && ANSWERED.exec(entry.name)) || [];
    if (key) this.answered(key, how, entry);
    if (key && kind !== "settle") return; // who has settled a step stands in a row of its own

    const step = this.stepOf(entry.step || `message ${entry.seq}`, nameOf(entry));
    const last = step.tries[step.tries.length - 1];
    const open = last && last.end == null ? last : null;
    step.due = null;
    if (STARTS.has(entry.kind)) {
      if (open && !open.heard) lose(open, entry.ms);
      if (!open?.heard) step.tries.push(attempt(entry.attempt || step.tries.length + 1, entry.ms));
      step.state = "running";
    } else if (entry.kind === "handed_back") {
      if (open) lose(open, entry.ms);
    } else if (entry.kind === "sent" && step.fn !== "send") {
      step.tries.push({ ...attempt(step.tries.length + 1, entry.ms), wait: true });
      step.state = "waiting";
    } else this.ended(step, open, entry, begun);
  }

  /** A step that this process has begun, heard of before it is on record: `key` is its identity. */
  begin(key, at) {
    const [scope, name = scope] = key.split("/");
    const step = this.stepOf(key, name.split("#")[0], name === scope ? "" : scope);
    const last = step.tries[step.tries.length - 1];
    if (last && (last.end == null || step.state === "succeeded" || step.state === "failed")) return;
    step.tries.push({ ...attempt(step.tries.length + 1, at), heard: true });
    step.state = "running";
    this.from ??= at;
    this.to ??= at;
  }

  /** How many steps have an outcome on record. */
  get recorded() {
    return this.steps.filter((step) => step.state === "succeeded" || step.state === "failed").length;
  }

  stepOf(key, fn, scope = key.includes("/") ? key.split("/")[0] : "") {
    let step = this.byStep.get(key);
    if (!step) {
      step = {
        n: this.steps.length + 1,
        key,
        scope,
        fn,
        call: "",
        state: "running",
        tries: [],
        error: null,
        due: null,
      };
      this.byStep.set(key, step);
      this.steps.push(step);
    }
    return step;
  }

  ended(step, open, entry, begun) {
    const last = open ?? attempt(1, begun ?? entry.ms);
    if (!open) step.tries.push(last);
    else if (begun != null && begun < entry.ms) last.begin = begun;
    last.end = entry.ms;
    last.n = entry.attempt || step.tries.length;
    if (entry.error) {
      step.error = entry.error;
      step.call = entry.error.call ?? step.call;
      last.why = `${plain(entry.error.type)}: ${entry.error.message}`;
    }
    if (entry.kind === "retry") {
      last.state = "failed";
      step.state = "retrying";
      step.due = entry.due ? when(entry.due) : null;
    } else if (entry.kind === "error") last.state = step.state = "failed";
    else {
      last.state = step.state = "succeeded";
      last.wait = entry.kind === "tick" || entry.kind === "message";
      step.value = entry.value;
      step.error = null;
    }
  }

  /** A child run has ended, a question or a callback was answered, or a person has settled a step. */
  answered(key, how, entry) {
    const step = this.byStep.get(key);
    const last = step?.tries[step.tries.length - 1];
    if (!last || how === "again") return;
    last.end ??= entry.ms;
    last.state = step.state = how === "failed" || how === "cancelled" ? "failed" : "succeeded";
    step.value = entry.value;
  }

  /** The run stands: what was under way and has no owner is lost, until it is begun again. */
  stands() {
    for (const step of this.steps) {
      const last = step.tries[step.tries.length - 1];
      if (!last || last.end != null || last.wait) continue;
      const loss = this.takeovers.find((turn) => turn.at >= last.begin);
      lose(last, loss ? loss.at : Math.max(last.begin, this.to));
      last.why = "its process was gone, and whether it has happened is not known";
      step.state = "lost";
    }
  }

  /** The owners that the run has lost, the last first, as the server has them on record; `began` when it was first driven. */
  loses(losses, began) {
    const begun = this.from == null ? began : Math.min(began, this.from);
    const seen = this.takeovers.length === losses.length ? this.sizeThen : -1;
    if (seen === this.entries.length) return;
    this.sizeThen = this.entries.length;
    this.takeovers = losses
      .map(({ at, engine }) => ({ at: when(at), engine, lost: begun }))
      .sort((a, b) => a.at - b.at);
    for (const { ms, began: from } of this.entries) {
      const first = from ? Math.min(ms, when(from)) : ms;
      for (const turn of this.takeovers) {
        if (ms <= turn.at && ms > turn.lost) turn.lost = ms;
        if (ms > turn.at) turn.taken = Math.min(turn.taken ?? ms, Math.max(turn.at, first));
      }
    }
    for (const turn of this.takeovers) {
      this.from = Math.min(this.from ?? turn.lost, turn.lost);
      this.to = Math.max(this.to ?? turn.at, turn.at);
    }
  }

  /** The steps by function, in the order in which they appeared. */
  groups(by = "function") {
    const groups = new Map();
    for (const step of this.steps) {
      const name = by === "branch" ? step.scope || "(body)" : step.fn;
      if (!groups.has(name)) groups.set(name, { name, steps: [] });
      groups.get(name).steps.push(step);
    }
    return [...groups.values()];
  }
}

function nameOf(entry) {
  if (entry.kind === "message") {
    const what = entry.name.startsWith("settle/") ? "settled" : "message";
    return `${what} ${plain(entry.name)}${entry.by ? ` by ${entry.by}` : ""}`.trimEnd();
  }
  if (entry.kind === "tick") return "sleep";
  return plain(entry.function) || entry.step;
}

const attempt = (n, begin) => ({ n, begin, end: null, state: "running", why: "" });

function lose(attempt, at) {
  attempt.end = at;
  attempt.state = "lost";
  attempt.why = "its process was gone before this try was recorded";
}

/** How many steps are in which state. */
export function countStates(steps) {
  const counts = {};
  for (const step of steps) counts[step.state] = (counts[step.state] ?? 0) + 1;
  return counts;
}

export const lengthOf = (step) => {
  const last = step.tries[step.tries.length - 1];
  return last && last.end != null ? (last.end - last.begin) / 1000 : null;
};

/** How long the tries that ended well took: quantiles, and counts for a histogram of `bins` bars. */
export function lengths(steps, bins = 42) {
  const sorted = steps
    .filter((step) => step.state === "succeeded")
    .map(lengthOf)
    .filter((s) => s != null)
    .sort((a, b) => a - b);
  const q = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const top = q(0.995) || 1e-9;
  const counts = Array(bins).fill(0);
  for (const seconds of sorted) counts[Math.min(bins - 1, Math.floor((seconds / top) * bins))] += 1;
  return { q, counts, top, max: sorted[sorted.length - 1] ?? 0, n: sorted.length };
}

/**
 * The longest chain: from the last end, back to the latest end before each begin. Only a shorter chain makes the run
 * shorter. Answers the steps on it and what share of the run its functions have.
 */
export function longestChain(record) {
  const done = record.steps
    .filter((step) => step.tries.length && step.tries[step.tries.length - 1].end != null)
    .map((step) => ({ step, begin: step.tries[0].begin, end: step.tries[step.tries.length - 1].end }))
    .sort((a, b) => a.end - b.end);
  const on = new Set();
  const shares = new Map();
  let i = done.length - 1;
  while (i >= 0) {
    const { step, begin, end } = done[i];
    on.add(step);
    shares.set(step.fn, (shares.get(step.fn) ?? 0) + end - begin);
    let low = 0;
    let high = i;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (done[middle].end <= begin + 2) low = middle + 1;
      else high = middle;
    }
    i = low - 1;
  }
  const whole = Math.max(1, (record.to ?? 0) - (record.from ?? 0));
  const say = [...shares]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 2)
    .map(([fn, time]) => `${Math.round((100 * time) / whole)} % ${fn}`)
    .join(", ");
  return { on, say };
}
