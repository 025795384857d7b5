// Everything that the page asks of the server: the public API, nothing else. The session is a cookie of this origin.

import { setServerTime } from "./words.js";

/** What the server refused or could not do, in its own words. `status` is HTTP's, 0 when no answer came. */
class Refused extends Error {
  constructor(status, body) {
    super(
      body?.error?.message ??
        body?.message ??
        body?.detail ??
        (status ? `The server answered ${status}.` : "No answer."),
    );
    this.status = status;
    this.body = body;
    this.title =
      status === 0
        ? "No connection"
        : status === 404
          ? "There is no such thing"
          : status === 401
            ? "Not logged in"
            : null;
  }
}

/** Path segments and query, encoded: `url("/api/runs", {q: "status:failed"})`. Empty values are left out. */
export function url(path, query = {}) {
  const said = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}

export async function get(path, query, signal) {
  return await ask(url(path, query), { signal });
}

/** A change. Sent again with the same key (a lost answer), it is done once. */
export async function post(path, body, key = crypto.randomUUID?.() ?? String(Math.random()).slice(2)) {
  return await ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(body ?? {}),
  });
}

async function ask(where, options) {
  let answer;
  const early = window.asked.get(where); // by first.js, once
  window.asked.delete(where);
  try {
    answer = await (early ?? fetch(where, { credentials: "same-origin", cache: "no-store", ...options }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { message: "The server does not answer. It is asked again every 2 s." });
  }
  setServerTime(answer.headers.get("date-ms") ?? answer.headers.get("date"));
  const body = (answer.headers.get("content-type") ?? "").includes("json") ? await answer.json() : null;
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}
