// The summary of a call, as the bot logged it when the call ended.

import { el, fit, say } from "./dom.js";
import { table } from "./table.js";
import { SERVICES, count, moment, ms, or, seriesAtLength, usd } from "./words.js";

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
  const figures = table("Latency in this call", FIGURES, (row) => row.name);
  return {
    element: el("section.panel", {}, el("h2", {}, "Summary"), el("div.columns", {}, list, figures.element)),
    update(call, summary) {
      fit(list, lines(call, summary), ([name]) => name, ([name]) => el("div", {}, el("dt", {}, name), el("dd")), (line, [, text]) => say(line.lastElementChild, text));
      figures.update(latencies(summary));
    },
  };
}

function lines(call, summary) {
  const { llm = {}, cost = {}, turns = {}, attributes = {} } = summary;
  const tags = Object.entries(attributes).map(([key, value]) => `${key} = ${value}`);
  return [
    ["Started", moment(call.started_at)],
    ["Ended", call.state === "live" ? "still running" : or(call.end_reason)],
    ["Language model", or(call.llm_model)],
    ["Speech to text", or(call.stt_model)],
    ["Text to speech", or(call.tts_model)],
    ["Requests to the model", count(llm.requests)],
    ["Prompt tokens from cache", count(llm.cache_read_tokens)],
    ["Reasoning tokens", count(llm.reasoning_tokens)],
    ["Turns", turns.completed === undefined ? "–" : `${count(turns.completed)} completed, ${count(turns.interrupted)} cut off`],
    ["Function calls", outcomes(summary.function_calls)],
    ["Errors", count(call.errors)],
    ["Cost", costs(cost)],
    ["Per minute", usd(cost.per_minute_usd)],
    ["Prices", or((cost.prices ?? []).map((price) => `${price.model}: ${price.source}${price.priced_on ? `, checked ${price.priced_on}` : ""}`).join("; "))],
    ["Refused measurements", count(summary.dropped)],
    ["Series", seriesAtLength(call)],
    ...(tags.length ? [["Attributes", tags.join(", ")]] : []),
  ];
}

function outcomes(counts) {
  if (!counts) return "–";
  const told = Object.entries(counts).filter(([, number]) => number).map(([name, number]) => `${count(number)} ${name.replaceAll("_", " ")}`);
  return told.join(", ") || "none";
}

function costs(cost) {
  const parts = [["language model", cost.llm_usd], ["speech to text", cost.stt_usd], ["text to speech", cost.tts_usd]].filter(([, value]) => value !== null && value !== undefined);
  const why = (reason) => (reason ? `: ${reason}` : "");
  const unpriced = (cost.unpriced ?? []).map((model, at) => `; no price for ${model}${why(cost.unpriced_reasons?.[at])}`).join("");
  const split = parts.length ? ` (${parts.map(([name, value]) => `${name} ${usd(value)}`).join(", ")})` : "";
  return `${usd(cost.total_usd)}${split}${unpriced}`;
}

function latencies({ response, ttfb, processing }) {
  const kinds = [["Response", response], ["First byte", ttfb], ["Processing", processing]];
  return kinds.flatMap(([name, figures]) => [
    { ...figures, name },
    ...Object.entries(figures?.by_service ?? {}).filter(([, each]) => each.count).map(([service, each]) => ({ ...each, name: `${name}: ${(SERVICES[service] ?? service).toLowerCase()}` })),
  ]);
}
