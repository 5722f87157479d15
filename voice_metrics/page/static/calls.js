// All calls: a table that can be ordered and filtered.

import { el, heading, say } from "./dom.js";
import { achieved, outcome } from "./facts.js";
import { callAddress, table } from "./table.js";
import { NOTHING, SLOW_SECONDS, count, length, ms, or, plural, recent, short } from "./words.js";

const STEP = 100;
const MARKS = { error: "bad", running: "good", unknown: "odd", cancelled: "odd" };
const models = (row) => [row.llm_model, row.stt_model, row.tts_model].filter(Boolean).join(", ");
const end = (row) => (row.state === "live" ? "running" : row.end_reason);

export const COLUMNS = [
  { name: "Call", text: (row) => short(row.call_id), link: (row) => callAddress(row.call_id, row.key), whole: (row) => row.call_id },
  { name: "Started", order: "started_at", text: (row) => recent(row.started_at), title: "When the call started, in local time" },
  { name: "Length", order: "duration_seconds", number: true, minor: true, text: (row) => length(row.duration_seconds) },
  { name: "Worst response", order: "worst_response_ms", number: true, text: (row) => ms(row.worst_response_ms), mark: (row) => (row.slow ? "odd" : ""), title: `The longest that the caller waited for an answer; in colour above ${SLOW_SECONDS} s` },
  { name: "Cost", order: "cost_usd", number: true, text: (row) => or(row.cost_usd_text) },
  { name: "End", order: "end_reason", text: (row) => or(end(row)), mark: (row) => MARKS[end(row)] },
  { name: "Outcome", minor: true, clipped: true, optional: true, text: (row) => (row.outcome ? achieved(row) : NOTHING), whole: (row) => (row.outcome ? outcome(row) : ""), mark: (row) => (row.outcome ? { true: "good", false: "bad" }[row.success] : ""), title: "What the application says that the call achieved" },
  { name: "Turns", order: "turns", number: true, minor: true, text: (row) => count(row.turns), title: "Bot turns" },
  { name: "Inter\u00adruptions", order: "interruptions", number: true, minor: true, text: (row) => count(row.interruptions), title: "Times that the caller interrupted the bot" },
  { name: "Errors", order: "errors", number: true, minor: true, text: (row) => count(row.errors), mark: (row) => (row.errors ? "bad" : "") },
  { name: "Tokens in", order: "prompt_tokens", number: true, minor: true, text: (row) => count(row.prompt_tokens), title: "Prompt tokens" },
  { name: "Tokens out", order: "completion_tokens", number: true, minor: true, text: (row) => count(row.completion_tokens), title: "Completion tokens" },
  { name: "Characters", order: "characters", number: true, minor: true, text: (row) => count(row.characters), title: "Characters sent to speech synthesis" },
  { name: "Models", order: "llm_model", minor: true, text: (row) => or(models(row)), whole: models, wide: true },
  { name: "Series", order: "state", minor: true, text: (row) => row.fate_words, mark: (row) => (["pending", "refused"].includes(row.fate) ? "odd" : ""), title: "What became of the call's series: delivered, waiting to be sent, refused, or only here" },
];

const FILTERS = [
  ["period", "Started", [["", "at any time"], ["hour", "in the last hour"], ["day", "in the last 24 hours"], ["week", "in the last 7 days"], ["month", "in the last 30 days"]]],
  ["end_reason", "End", [["", "any"], ["completed", "completed"], ["cancelled", "cancelled"], ["error", "error"], ["unknown", "unknown"]]],
  ["trouble", "With", [["", "anything"], ["errors", "errors"], ["unanswered", "unanswered turns"]]],
  ["state", "Series", [["", "any"], ["live", "call is running"], ["ended", "local, refused or unknown"], ["delivered", "delivered"], ["pending", "wait to be sent"]]],
];

export function callsView(query, ask) {
  let asked = { limit: "", ...query };
  let later = 0;
  const order = () => asked.order || "started_at";
  const way = () => asked.way || "desc";
  const change = (words) => {
    asked = { ...asked, ...words };
    list.ordered(order(), way());
    say(status, "Searching…");
    ask(asked);
  };
  const list = table("Calls", COLUMNS, (row) => `${row.call_id} ${row.started_at}`, (column) => {
    change({ order: column.order, way: order() === column.order && way() === "desc" ? "asc" : "desc" });
  });
  const status = el("p.status", { role: "status" }, "Loading…");
  const more = el("button", { type: "button", hidden: true, onclick: () => change({ limit: String((Number(asked.limit) || STEP) + STEP) }) }, `Show ${STEP} more`);
  const clear = el("button", { type: "button", onclick: () => { form.reset(); reset(); } }, "Clear filters");
  const reset = () => change({ period: "", end_reason: "", state: "", trouble: "", model: "", slower_than_ms: "", cost_over_usd: "", limit: "" });
  const form = filters(asked, (words) => {
    clearTimeout(later);
    later = setTimeout(() => change({ ...words, limit: "" }), 250);
  }, clear);
  list.ordered(order(), way());
  return {
    title: "Calls",
    heading: heading("Calls", finder()),
    element: el("div", {}, form, status, list.element, el("p.after", {}, more)),
    every: () => 3000,
    update(data) {
      list.update(data.calls);
      const filtered = data.total === data.all ? "" : ` of ${count(data.all)}`;
      const part = data.calls.length < data.total ? `, ${count(data.calls.length)} shown` : "";
      say(status, data.all ? `${count(data.total)}${filtered} ${data.all === 1 ? "call" : "calls"}${part}` : "No call yet: start a bot and call it, and it appears here.");
      if (data.all && !data.total) say(status, `No call matches all of these filters; there ${data.all === 1 ? "is" : "are"} ${plural(data.all, "call")} in all.`);
      list.element.hidden = !data.total;
      more.hidden = data.calls.length >= data.total;
    },
    close: () => clearTimeout(later),
  };
}

// Opens a call by the beginning of its id, as `voice-metrics calls ID` does.
function finder() {
  const field = el("input", { type: "search", name: "id", placeholder: "id or its beginning", autocomplete: "off", spellcheck: "false" });
  return el("form.finder", {
    role: "search",
    onsubmit: (event) => {
      event.preventDefault();
      if (field.value.trim()) location.hash = callAddress(field.value.trim());
    },
  }, el("label", {}, "Open a call ", field), el("button", { type: "submit" }, "Open"));
}

function filters(asked, changed, clear) {
  const read = () => Object.fromEntries(new FormData(form));
  const choices = FILTERS.map(([name, title, options]) => el("label", {}, title, el("select", { name, "aria-label": title }, options.map(([value, text]) => el("option", { value, selected: (asked[name] ?? "") === value }, text)))));
  const fields = [
    ["model", "Model", { type: "search", placeholder: "part of a name", spellcheck: "false" }],
    ["slower_than_ms", "Slower than, ms", { type: "number", min: "0", step: "any", inputmode: "decimal" }],
    ["cost_over_usd", "Costs more than, $", { type: "number", min: "0", step: "any", inputmode: "decimal" }],
  ].map(([name, title, kind]) => el("label", {}, title, el("input", { name, "aria-label": title, autocomplete: "off", value: asked[name] ?? "", ...kind })));
  const form = el("form.filters", { "aria-label": "Filters", oninput: () => changed(read()), onsubmit: (event) => event.preventDefault() }, choices, fields, clear);
  return form;
}
