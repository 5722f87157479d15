// Charts over time, drawn by uPlot in the colours of the style sheet, with their numbers as a table.

import { el, say } from "./dom.js";
import { table } from "./table.js";
import { date, moment, time, unit } from "./words.js";

/* global uPlot */
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const HEIGHT = 190;
const lengthInWords = (seconds) => (seconds < 3600 ? unit(seconds / 60, "min") : unit(seconds / 3600, "h"));

// lines: [{name, colour, value(point), text(number, point), tick(number), bars}]; with `stacked`, each line stands on the ones before it.
export function chart(title, { lines, stacked = false, sync = null }) {
  const place = el("div.plot", { role: "img", "aria-label": `${title}: the numbers are in the table below the chart` });
  const headline = el("p.headline", {}, "\u00a0");
  const numbers = table(title, [{ name: "From", text: (point) => moment(point.at) }, ...lines.map((line) => ({ name: line.name, number: true, text: (point) => line.text(line.value(point), point) }))], (point) => point.at);
  const details = el("details.figures", { ontoggle: () => details.open && numbers.update(shown?.points ?? []) }, el("summary", {}, "Numbers"), numbers.element);
  const grain = el("li.quiet");
  const key = el("ul.key", { "aria-hidden": "true" }, lines.map((line) => el("li", {}, el(`span.swatch.fill-${line.colour}`), line.name)), grain);
  let plot = null;
  let shown = null;

  const draw = () => {
    plot?.destroy();
    plot = null;
    if (!shown || !place.clientWidth) return;
    plot = new uPlot(options(place.clientWidth, lines, stacked, sync, shown), columns(lines, stacked, shown), place);
  };
  const resized = new ResizeObserver(() => plot ? plot.setSize({ width: place.clientWidth, height: HEIGHT }) : draw());
  resized.observe(place);
  dark.addEventListener("change", draw);
  return {
    element: el("figure.chart", {}, el("figcaption", {}, el("h2", {}, title), headline), key, place, details),
    headline,
    update(data) {
      shown = data;
      say(grain, `each ${lines[0].bars ? "bar" : "point"} ${lengthInWords(data.bucket_seconds)}`);
      place.classList.toggle("empty", !data.points.length);
      if (details.open) numbers.update(data.points);
      draw();
    },
    close() {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      plot?.destroy();
    },
  };
}

// Every bucket of the period has a place; one without a point is a gap.
function columns(lines, stacked, { since, until, bucket_seconds: bucket, points }) {
  const places = Math.round((until - since) / bucket);
  const at = Array.from({ length: places }, (_, index) => since + index * bucket);
  const values = lines.map(() => new Array(places).fill(null));
  for (const point of points) {
    const place = Math.round((point.at - since) / bucket);
    let below = 0;
    lines.forEach((line, index) => {
      const value = line.value(point);
      if (value === null || value === undefined) return;
      below = stacked ? below + value : value;
      values[index][place] = below;
    });
  }
  // The highest pile is drawn first, so that the lower ones stay in sight.
  return [at, ...(stacked ? values.reverse() : values)];
}

function options(width, lines, stacked, sync, { since, until, bucket_seconds: bucket, points }) {
  const ordered = stacked ? [...lines].reverse() : lines;
  const ink = colour("muted");
  const axis = { stroke: ink, font: "12px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: colour("grid"), width: 1 } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: sync ? { key: sync } : undefined, points: { show: !stacked } },
    scales: { x: { range: () => [since - bucket / 2, until - bucket / 2] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, size: 32, gap: 9, space: 70, values: (_, ticks) => ticks.map((tick) => (until - since > 2 * 86400 ? date(tick) : time(tick, false))), grid: { show: false } },
      { ...axis, size: 64, space: 34, ...(lines[0].steps ? { incrs: lines[0].steps } : {}), values: (_, ticks) => (points.length ? ticks.map(lines[0].tick ?? lines[0].text) : []) },
    ],
    series: [{}, ...ordered.map((line) => series(line, stacked || lines[0].bars))],
    plugins: [reading(lines, stacked, new Map(points.map((point) => [Math.round((point.at - since) / bucket), point])))],
  };
}

function series(line, bars) {
  const ink = colour(line.colour);
  if (bars) return { stroke: ink, fill: ink, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 28] }) };
  // A bucket between two empty ones is a point, as no line leads to it.
  return { stroke: ink, width: 2, spanGaps: false, points: { size: 5, fill: ink, stroke: ink, show: true } };
}

// The numbers under the pointer, in words.
function reading(lines, stacked, points) {
  const words = el("div.reading", { hidden: true });
  const setCursor = (plot) => {
    const index = plot.cursor.idx;
    const column = index === null || index === undefined ? null : plot.data.slice(1).map((values) => values[index]);
    words.hidden = column === null || column.every((value) => value === null);
    if (words.hidden) return;
    if (stacked) column.reverse();
    let below = 0;
    const texts = lines.map((line, place) => {
      const value = column[place] === null ? null : column[place] - below;
      if (stacked && column[place] !== null) below = column[place];
      return `${line.name} ${line.text(value, points.get(index))}`;
    });
    words.textContent = `${date(plot.data[0][index])} ${time(plot.data[0][index], false)} · ${texts.join(" · ")}`;
  };
  return { hooks: { init: (plot) => plot.root.append(words), setCursor } };
}

export function periodSelect(query, ask) {
  const names = [["hour", "1 hour"], ["day", "24 hours"], ["week", "7 days"], ["month", "30 days"]];
  return el("label.period", {}, "Period ", el("select", { "aria-label": "Period", onchange: (event) => ask({ period: event.target.value }) },
    names.map(([value, text]) => el("option", { value, selected: (query.period ?? "day") === value }, text))));
}
