// A month of a schedule: what each day has come to, what nothing was started for, and what is to come.

import { get } from "../lib/api.js";
import { html } from "../lib/html.js";
import { button, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { icon } from "../lib/signs.js";
import { count, many } from "../lib/words.js";

const WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const WORST = ["failed", "parked", "running", "waiting", "queued", "cancelled", "succeeded"];
const EVERY = 1000; // milliseconds

/** The month of a schedule by its name; `backfill(begin, end)` is asked for what a day has left out. */
export function calendar(name, draw, backfill) {
  let month = ""; // "2026-11"; that of the server's clock at first
  const days = reading(
    (signal) => get(`/api/schedules/${encodeURIComponent(name)}/days`, { month }, signal),
    draw,
    EVERY,
  );
  const turn = (by) => {
    const [year, number] = days.data.month.split("-").map(Number);
    month = new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
    days.again();
  };
  const title = (text) =>
    new Date(`${text}-01T00:00:00Z`).toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });

  function square(date, found) {
    const number = Number(date.slice(8));
    if (!found) return html`<td key=${date}><span class="day none"><span>${number}</span></span></td>`;
    const ran = WORST.filter((state) => found.runs[state]);
    const state = ran[0] ?? (found.without ? "late" : "queued");
    const parts = [
      ...ran.map((name) => `${count(found.runs[name])} ${name}`),
      ...(found.without ? [`${count(found.without)} without a run`] : []),
      ...(found.to_come ? [`${count(found.to_come)} to come`] : []),
    ];
    const label = `${date}: ${parts.join(", ")}`;
    const kind = `day s-${state} ${!ran.length && !found.without ? "plan" : ""}`;
    const body = html`<span>${number}</span>${icon(ran.length || found.without ? state : "")}<small>${ran.length ? count(ran.reduce((sum, name) => sum + found.runs[name], 0)) : found.without || found.to_come}</small>${ran.length > 0 && found.without > 0 && html`<i class="gap"></i>`}`;
    return html`<td key=${date}>${
      found.without
        ? html`<button type="button" class=${kind} aria-label="${label}. Backfill" data-tip="${parts.join("\n")}\nclick: backfill" onclick=${() => backfill(found.begin, found.end)}>${body}</button>`
        : html`<span class=${kind} role="img" aria-label=${label} data-tip=${parts.join("\n")}>${body}</span>`
    }</td>`;
  }
  return {
    name,
    view() {
      if (!days.data) return days.error ? unread(days.error, () => days.again()) : skeleton(5);
      const it = days.data;
      const [year, number] = it.month.split("-").map(Number);
      const last = new Date(Date.UTC(year, number, 0)).getUTCDate();
      const offset = (new Date(Date.UTC(year, number - 1, 1)).getUTCDay() + 6) % 7;
      const found = new Map(it.days.map((day) => [day.date, day]));
      const cells = Array.from({ length: offset }, (_, i) => html`<td key="before ${i}"></td>`);
      for (let day = 1; day <= last; day += 1) {
        const date = `${it.month}-${String(day).padStart(2, "0")}`;
        cells.push(square(date, found.get(date)));
      }
      const weeks = [];
      for (let i = 0; i < cells.length; i += 7) weeks.push(html`<tr>${cells.slice(i, i + 7)}</tr>`);
      const without = it.days.reduce((sum, day) => sum + day.without, 0);
      const says = without ? `${many(without, "past instant")} without a run` : "each past instant has its run";
      return html`<section class="panel" aria-label="Calendar"><div class="ph"><h2>${title(it.month)}</h2><span class="sub">by the clock of ${it.zone}; ${says}${it.exact ? "" : "; the first 50,000 instants"}</span><span class="right row">${button("Earlier", () => turn(-1), "sm")}${button("Later", () => turn(1), "sm")}</span></div>
        <div class="scroll pb"><table class="cal"><caption class="sr">${title(it.month)}</caption><thead><tr>${WEEK.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead><tbody>${weeks}</tbody></table></div></section>`;
    },
    again: () => days.again(),
    stop: () => days.stop(),
  };
}
