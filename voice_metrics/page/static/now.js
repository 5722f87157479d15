// What runs now: a card for each live call, sums of a day, and the calls that ended last.

import { el, fit, say, tile } from "./dom.js";
import { COLUMNS } from "./calls.js";
import { callAddress, table } from "./table.js";
import { clock, count, ms, or, plural, short } from "./words.js";

const SHOWN = ["Call", "Started", "Length", "Worst response", "Cost", "End", "Outcome", "Turns", "Errors", "Models"];
const columns = COLUMNS.filter((column) => SHOWN.includes(column.name)).map((column) => ({ ...column, order: null }));

const NUMBERS = [
  ["Response p50", (call) => ms(call.summary.response?.p50_ms)],
  ["Response max", (call) => ms(call.worst_response_ms)],
  ["First byte p50", (call) => ms(call.summary.ttfb?.p50_ms)],
  ["Bot turns", (call) => count(call.turns)],
  ["Interruptions", (call) => count(call.interruptions)],
  ["Tokens", (call) => count(call.summary.llm?.total_tokens)],
  ["Characters", (call) => count(call.characters)],
  ["Errors", (call) => count(call.errors)],
  ["Cost", (call) => or(call.cost_usd_text)],
];

export function nowView() {
  const tiles = ["Running", "Calls in 24 h", "Response in 24 h", "Cost in 24 h"].map(tile);
  const cards = el("div.cards", { role: "list", "aria-label": "Running calls" });
  const idle = el("div.notice.quiet", {}, el("p", {}, "No call is running. The next one appears here by itself."));
  const pending = el("p.notice", { hidden: true });
  const latest = table("Latest calls", columns, (row) => `${row.call_id} ${row.started_at}`);
  const none = el("p.quiet", {}, "None has ended yet.");
  const ticking = setInterval(() => cards.querySelectorAll("[data-started]").forEach(showRunningTime), 1000);
  return {
    title: "Now",
    element: el("div", {}, el("dl.tiles", {}, tiles.map((each) => each.element)), pending, el("section.running", {}, el("h2", {}, "Running calls"), cards, idle), el("section", {}, el("h2", {}, "Latest calls"), latest.element, none)),
    every: () => 1000,
    update(data) {
      fillTiles(tiles, data);
      fit(cards, data.live, (call) => `${call.call_id} ${call.started_at}`, card, fillCard);
      idle.hidden = data.live.length > 0;
      latest.update(data.latest);
      latest.element.hidden = !data.latest.length;
      none.hidden = data.latest.length > 0;
      showPending(pending, data.pending);
    },
    close: () => clearInterval(ticking),
  };
}

function fillTiles([running, calls, response, cost], { live, day }) {
  running.show(count(live.length));
  calls.show(count(day.calls), day.errors ? `${count(day.errors)} ended with an error` : "");
  response.show(ms(day.response?.p50_ms), day.response ? `p50; p95 ${ms(day.response.p95_ms)}` : "none measured");
  cost.show(or(day.cost_usd_text), day.cost_usd === null ? "no usage with a known price" : "where a price is known");
}

function showPending(notice, pending) {
  notice.hidden = !pending.requests;
  if (pending.requests) say(notice, `Series of ${plural(pending.calls, "call")} wait to be sent: a running bot sends them by itself, “voice-metrics resend” does it for bots that are gone.`);
}

function card(call) {
  const numbers = NUMBERS.map(([name]) => el("div", {}, el("dt", {}, name), el("dd", {}, "–")));
  return el("div.card", { role: "listitem" },
    el("h3", {}, el("span.dot", { "aria-hidden": "true" }), el("a", { href: callAddress(call.call_id, call.key), title: call.call_id }, short(call.call_id)), el("span.running-for", { "data-started": call.started_at })),
    el("p.models"),
    el("dl.numbers", {}, numbers));
}

function fillCard(element, call) {
  say(element.querySelector(".models"), or([call.llm_model, call.stt_model, call.tts_model].filter(Boolean).join(" · ")));
  element.querySelectorAll("dd").forEach((value, index) => say(value, NUMBERS[index][1](call)));
  showRunningTime(element.querySelector(".running-for"));
}

function showRunningTime(element) {
  say(element, clock(Math.max(0, Date.now() / 1000 - Number(element.dataset.started))));
}
