// How times, lengths, numbers and commands are written. One zone on the screen, always named.

import { tagged } from "./tagged.js";

const KEY = "podium.zone";
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const asked = new URLSearchParams(location.search).get("zone");
const clock = { skew: 0 }; // what to add to this machine's clock to have the server's

const zones = [...new Set([own, "UTC"])];
export let zone = pick();

function pick() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // No storage here: the browser's own zone.
  }
  for (const name of [asked, kept]) if (name && isZone(name)) return name;
  return own;
}

function isZone(name) {
  try {
    return Boolean(new Intl.DateTimeFormat("en-GB", { timeZone: name }));
  } catch {
    return false;
  }
}

/** Show every time in the next zone that this browser knows of: its own, UTC. */
export function nextZone() {
  zone = zones[(zones.indexOf(zone) + 1) % zones.length];
  formats.clear();
  try {
    localStorage.setItem(KEY, zone);
  } catch {
    // It holds for this page.
  }
}

export const now = () => Date.now() + clock.skew;
export const setServerTime = (iso) => {
  const at = Date.parse(iso);
  if (!Number.isNaN(at)) clock.skew = Math.abs(at - Date.now()) > 2000 ? at - Date.now() : 0;
};
/** Milliseconds since 1970 of a time from the API: a string in ISO 8601, or null. */
export const when = (iso) => (iso == null ? null : Date.parse(iso));

const formats = new Map();
function format(at, kind, options) {
  let made = formats.get(kind);
  if (!made)
    formats.set(kind, (made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options })));
  return made.format(at);
}
export const zoneName = (at = now()) => {
  format(at, "zone", { timeZoneName: "short" });
  return formats
    .get("zone")
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName").value;
};
const HM = { hour: "2-digit", minute: "2-digit" };
export const hm = (at) => format(at, "hm", HM);
export const hms = (at) => format(at, "hms", { ...HM, second: "2-digit" });
export const millis = (at) => format(at, "ms", { ...HM, second: "2-digit", fractionalSecondDigits: 3 });
export const day = (at) => format(at, "day", { weekday: "short", day: "numeric", month: "short" });
export const full = (at) =>
  `${format(at, "full", { weekday: "short", day: "numeric", month: "short", year: "numeric" })}, ${millis(at)} ${zoneName(at)}`;

export function ago(at) {
  const seconds = (now() - at) / 1000;
  if (seconds < -0.5) return `in ${span(-seconds)}`;
  if (seconds < 1.5) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** A sentence of the server's, in which "3 s ago" goes on. */
export const fresh = (text, at) => text.replace(/\d[^;]* ago(?=;)/, () => ago(at));

/** A length of time in words: `span(0.004)` is "4.0 ms", `span(3700)` is "1 h 1 min". */
export function span(seconds, parts = 2) {
  if (seconds == null || Number.isNaN(seconds)) return "–";
  if (seconds < 0.001) return `${Math.max(0, Math.round(seconds * 1e6))} µs`;
  if (seconds < 1) return `${seconds < 0.01 ? (seconds * 1000).toFixed(1) : Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const out = [];
  let rest = Math.round(seconds);
  for (const [size, word] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ]) {
    if (rest >= size && out.length < parts) {
      out.push(`${Math.floor(rest / size)} ${word}`);
      rest %= size;
    } else if (out.length) break;
  }
  return out.join(" ");
}

export const count = (n) => Math.round(n).toLocaleString("en-GB");
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const bytes = (n) =>
  n < 1000
    ? `${n} B`
    : n < 1e6
      ? `${(n / 1e3).toFixed(1)} kB`
      : n < 1e9
        ? `${(n / 1e6).toFixed(1)} MB`
        : `${(n / 1e9).toFixed(1)} GB`;
export const plain = (name) =>
  String(name ?? "")
    .split(":")
    .pop();

/** A value as Python writes it, for reading: `'text'`, `None`, `{'a': 1}`. */
export function python(value, most = 160) {
  const text = repr(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
function repr(value) {
  if (value == null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string")
    return value.includes("'") && !value.includes('"')
      ? `"${value}"`
      : `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n")}'`;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  const what = tagged(value);
  if (what && "same" in what) return repr(what.same);
  if (what?.text !== undefined) return what.text;
  if (what) {
    const parts = what.parts.map(([k, v]) => (what.isList ? repr(v) : `${k}=${repr(v)}`));
    return `${what.kind}(${parts.join(", ")})`;
  }
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([k, v]) => `${repr(k)}: ${repr(v)}`)
      .join(", ")}}`;
  return String(value);
}
/** The arguments of a call: `shop='oslo', limit=8`. */
export const argumentsOf = (input) =>
  input && typeof input === "object" && !Array.isArray(input)
    ? Object.entries(input)
        .map(([name, value]) => `${name}=${python(value, 80)}`)
        .join(", ")
    : input == null
      ? ""
      : python(input, 80);

/** A word as a shell takes it. */
export const shell = (word) => (/^[\w@%+=:,./~-]+$/.test(word) ? word : `'${String(word).replace(/'/g, `'\\''`)}'`);
/** A sentence that begins as one does. */
export const capital = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");
/** The same, with a full stop where it has no end. */
export const whole = (text) => (/[.!?…]$/.test(text) ? capital(text) : text && `${capital(text)}.`);

/** The address of a run's page; an id may hold what an address does not. */
export const runPath = (id) => `/runs/${encodeURIComponent(id)}`;
/** The list of runs like a query. */
export const runsPath = (query) => `/runs?${new URLSearchParams({ q: query })}`;
