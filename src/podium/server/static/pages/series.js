// Series: numbers that runs have measured, over time; of each stretch the mean, between its least and its most.

import { get } from "../lib/api.js";
import { svg } from "../lib/charts.js";
import { html } from "../lib/html.js";
import { cli, empty, moment, runLink, skeleton, unread } from "../lib/parts.js";
import { reading } from "../lib/reading.js";
import { count, day, full, hms, many, now, shell, when, whole, zoneName } from "../lib/words.js";

const SPANS = [
  ["1 h", 3600],
  ["1 d", 86_400],
  ["1 week", 7 * 86_400],
  ["all", null],
];
const LEFT = 62;
const TALL = 260;
const FOOT = 22;
const EVERY = 2000; // milliseconds
const number = (value) => (value == null ? "–" : Number(value.toPrecision(6)).toLocaleString("en-GB"));

export default function series(place, { draw, address }) {
  let chosen = place.query.get("s") ?? "";
  let seconds = null;
  let shown = null; // the reading of the series that is chosen
  const list = reading((signal) => get("/api/series", {}, signal), arrived, EVERY);

  function arrived() {
    if (!chosen && list.data?.items.length) chosen = list.data.items[0].name;
    if (!shown && chosen) shown = reading(read, draw, EVERY);
    draw();
  }
  function read(signal) {
    const since = seconds == null ? null : new Date(now() - seconds * 1000).toISOString();
    const bins = Math.max(40, Math.min(600, Math.floor(document.getElementById("main").clientWidth / 3)));
    return get(`/api/series/${encodeURIComponent(chosen)}`, { since, bins }, signal);
  }
  const choose = (name) => {
    chosen = name;
    address(new URLSearchParams({ s: name }));
    if (shown) shown.anew();
    else shown = reading(read, draw, EVERY);
    draw();
  };
  const span = (value) => {
    seconds = value;
    shown?.again();
    draw();
  };

  function plot(it, width) {
    if (!it.bins.length) return empty("No point in this time", "Choose a longer one above.");
    const times = it.bins.map((bin) => when(bin.at));
    const [from, to] = [times[0], times[times.length - 1] + it.width * 1000];
    let [low, high] = [Math.min(...it.bins.map((bin) => bin.low)), Math.max(...it.bins.map((bin) => bin.high))];
    if (low === high) [low, high] = [low - 1, high + 1];
    const x = (t) => LEFT + ((t + it.width * 500 - from) / Math.max(1, to - from)) * (width - LEFT - 8);
    const y = (value) => TALL - FOOT - ((value - low) / (high - low)) * (TALL - FOOT - 12);
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
    const marks = it.bins.map(
      (bin, i) =>
        html`<rect class="f-line" x=${(x(times[i]) - 1).toFixed(1)} width="2" y=${y(bin.high).toFixed(1)} height=${Math.max(1, y(bin.low) - y(bin.high)).toFixed(1)}/>`,
    );
    // A stretch without points is a gap, not a line over it.
    let d = "";
    it.bins.forEach((bin, i) => {
      const gap = i === 0 || times[i] - times[i - 1] > it.width * 2500;
      d += `${gap ? "M" : "L"}${x(times[i]).toFixed(1)} ${y(bin.mean).toFixed(1)}`;
    });
    const dots = it.bins.map(
      (bin, i) =>
        html`<circle class="f-ink" cx=${x(times[i]).toFixed(1)} cy=${y(bin.mean).toFixed(1)} r=${it.bins.length > 120 ? 1 : 2} data-tip="${full(times[i])}\n${number(bin.mean)}${bin.count > 1 ? `, of ${count(bin.count)}: ${number(bin.low)} to ${number(bin.high)}` : ""}"/>`,
    );
    const label = `${it.name}: ${many(it.count, "point")} from ${full(from)} to ${full(to)}, between ${number(low)} and ${number(high)}`;
    return svg(
      width,
      TALL,
      html`${ticks.map((value) => html`<line class="k-line" x1=${LEFT} x2=${width} y1=${y(value).toFixed(1)} y2=${y(value).toFixed(1)}/><text x=${LEFT - 6} y=${(y(value) + 4).toFixed(1)} text-anchor="end">${number(value)}</text>`)}${marks}<path class="nofill k-ink" stroke-width="1.4" d=${d}/>${dots}<text x=${LEFT} y=${TALL - 6}>${day(from)}, ${hms(from)}</text><text x=${width - 4} y=${TALL - 6} text-anchor="end">${day(to)}, ${hms(to)} ${zoneName(to)}</text>`,
      label,
    );
  }
  const table = (it) =>
    html`<details class="small"><summary>As a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Points as a table"><table class="t"><thead><tr><th scope="col">At, ${zoneName()}</th><th scope="col" class="num">Points</th><th scope="col" class="num">Mean</th><th scope="col" class="num">Least</th><th scope="col" class="num">Most</th></tr></thead><tbody>${it.bins.map((bin) => html`<tr><td>${full(when(bin.at))}</td><td class="num">${count(bin.count)}</td><td class="num">${number(bin.mean)}</td><td class="num">${number(bin.low)}</td><td class="num">${number(bin.high)}</td></tr>`)}</tbody></table></div></details>`;
  function detail() {
    if (!shown?.data)
      return html`<div>${shown?.error ? unread(shown.error, () => shown.again()) : skeleton(6)}</div>`;
    const it = shown.data;
    const wide = document.getElementById("main").clientWidth;
    const width = Math.max(280, innerWidth > 1180 ? wide - 400 - 96 : wide - (innerWidth <= 760 ? 58 : 78));
    return html`<section class="panel" aria-label=${it.name}><div class="ph"><h2>${it.name}</h2><span class="sub">${many(it.count, "point")}; the last ${number(it.last)}${it.last_run ? html`, by ${runLink(it.last_run)}` : ""}</span>
      <span class="seg right" role="group" aria-label="Span">${SPANS.map(([label, value]) => html`<button type="button" aria-pressed=${seconds === value} onclick=${() => span(value)}>${label}</button>`)}</span></div>
      <div class="pb stack gap3"><div class="scroll-x">${plot(it, width)}</div>${table(it)}${cli(`podium series ${shell(it.name)}`, true)}</div></section>`;
  }
  const entry = (one) =>
    html`<button type="button" class="choice" key=${one.name} aria-current=${one.name === chosen} onclick=${() => choose(one.name)}><span class="row"><span class="name clip">${one.name}</span><span class="right num">${number(one.value)}</span></span>
    <span class="row small dim"><span class="clip">${many(one.count, "point")}</span><span class="right nw">${moment(when(one.last))}</span></span></button>`;
  function view() {
    const items = list.data?.items;
    const says = items ? whole(items.length ? `${many(items.length, "series", "series")} that runs have measured` : "") : "";
    const head = html`<div class="head"><h1>Series</h1><div class="acts">${cli("podium series")}</div><p class="says">${says}</p></div>`;
    if (!items) return list.error ? unread(list.error, () => list.again()) : html`${head}${skeleton(6)}`;
    if (!items.length)
      return html`${head}<div class="panel">${empty("Nothing has been measured", "A task or a body records a number, and its series stands here:", 'podium.measure("boiler.celsius", 48.5)')}</div>`;
    return html`${head}<div class="cols c-list"><section class="panel" aria-label="Series">${items.map(entry)}</section>${detail()}</div>`;
  }
  return {
    title: () => (chosen ? `Series: ${chosen}` : "Series"),
    command: () => `podium series ${shell(chosen)}`.trim(),
    view,
    heard(topic) {
      if (topic !== "run" && topic !== "reset") return;
      list.again();
      shown?.again();
    },
    stop() {
      list.stop();
      shown?.stop();
    },
  };
}
