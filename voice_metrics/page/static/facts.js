// The summary of a call, as the bot logged it when the call ended.

import { el, fit, say } from "./dom.js";
import { table } from "./table.js";
import { setUpLine } from "./standouts.js";
import { SERVICES, count, grouped, moment, ms, or, plain } from "./words.js";

const FIGURES = [
  { name: "Latency", text: (row) => row.name },
  { name: "Count", number: true, text: (row) => count(row.count) },
  { name: "Average", number: true, text: (row) => ms(row.average_ms) },
  { name: "Min", number: true, minor: true, text: (row) => ms(row.min_ms) },
  { name: "p50", number: true, text: (row) => ms(row.p50_ms) },
  { name: "p95", number: true, text: (row) => ms(row.p95_ms) },
  { name: "Max", number: true, minor: true, text: (row) => ms(row.max_ms) },
];

export function callFacts() {
  const list = el("dl.facts");
  const none = el("p.quiet", {}, "No latency was measured.");
  const figures = table("Latency in this call", FIGURES, (row) => row.name);
  return {
    element: el("section.panel", {}, el("h2", {}, "Summary"), el("div.columns", {}, list, el("div", {}, figures.element, none))),
    update(data) {
      fit(list, lines(data), ([name]) => name, ([name]) => el("div", {}, el("dt", {}, name), el("dd")), (line, [, text]) => say(line.lastElementChild, text));
      const rows = latencies(data.summary);
      figures.element.hidden = !rows.length;
      none.hidden = rows.length > 0;
      figures.update(rows);
    },
  };
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// A reader of the page sees these without the manual beside them.
const NAMES = { floor: "Speaking time", "a minute": "Cost a minute", gaps: "Gaps in the bot's speech" };

// Lines with names of models, in which digits are no amount.
const WITH_NAMES = new Set(["cost", "prices"]);

// The lines of the summary are written by the server, as the log and the command line have them.
function lines({ call, summary, story, lines: worded }) {
  const tags = Object.entries(summary.attributes ?? {}).map(([key, value]) => `${key} = ${value}`);
  return [
    ["Started", moment(call.started_at)],
    ["Ended", call.state === "live" ? "still running" : [or(call.end_reason), endedBy(summary.ended_by, call.end_reason)].filter(Boolean).join(", ")],
    ...(summary.outcome && summary.outcome !== "none" ? [["Outcome", outcome(summary)]] : []),
    ["Language model", or(call.llm_model)],
    ["Speech to text", or(call.stt_model)],
    ["Text to speech", or(call.tts_model)],
    // The table beside has its figures.
    ...worded.filter(([name]) => name !== "barge-in").map(([name, text]) => [NAMES[name] ?? capital(name), WITH_NAMES.has(name) ? text : grouped(text)]),
    ...(story.start_up ? [["Set-up", setUpLine(story.start_up)]] : []),
    ...(summary.dropped ? [["Refused measurements", count(summary.dropped)]] : []),
    ["Series", capital(call.fate_sentence)],
    ...(summary.trace_id ? [["Trace", summary.trace_id]] : []),
    ...(tags.length ? [["Attributes", tags.join(", ")]] : []),
  ];
}

const endedBy = (party, end) => (party && party !== "unknown" && party !== end ? `by ${party === "caller" || party === "bot" ? `the ${party}` : party}` : null);

export function outcome({ outcome: name, success }) {
  return [plain(name), success === true ? "success" : success === false ? "no success" : null].filter(Boolean).join(", ");
}

// In a list: a sign instead of the words.
export function achieved({ outcome: name, success }) {
  return `${{ true: "✓ ", false: "✗ " }[success] ?? ""}${plain(name)}`;
}

function latencies({ response, ttfb, processing, interruption_stop: stop }) {
  const kinds = [["Response", response], ["First byte", ttfb], ["Processing", processing], ["Bot silent after an interruption", stop]];
  return kinds.filter(([, figures]) => figures?.count).flatMap(([name, figures]) => [
    { ...figures, name },
    ...Object.entries(figures?.by_service ?? {}).filter(([, each]) => each.count).map(([service, each]) => ({ ...each, name: `${name}: ${(SERVICES[service] ?? service).toLowerCase()}` })),
  ]);
}
