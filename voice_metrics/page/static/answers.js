// Each answer as one bar of its parts, all on one scale: where the caller's wait goes.

import { el } from "./dom.js";
import { clock, count, ms, usd } from "./words.js";

// What Pipecat calls the parts, in words. A part that is not listed here keeps its own name.
const PARTS = {
  endpointing_wait: "Silence before the turn may end",
  transcription: "Speech to text",
  turn_detection: "Turn detection",
  waiting_for_user: "Waiting for the caller to go on",
  turn_completion: "Turn completion",
  first_request: "First request",
  llm_inference: "Language model",
  llm_tool_call: "Writing the function call",
  function_handler: "Function",
  awaiting_speakable_text: "Waiting for speakable text",
  sentence_aggregation: "Collecting a sentence",
  speech_synthesis: "Text to speech",
  output_transport: "Output",
  pipeline: "Rest",
};

const named = (part) => PARTS[part] ?? String(part ?? "other").replaceAll("_", " ");
const ink = (part) => (part in PARTS ? `part-${part}` : "part-other");

export function answersPart() {
  const rows = el("tbody");
  const averages = el("ul.key.averages");
  const about = el("p.quiet", { hidden: true }, "Pipecat did not name the parts of these answers. The bars show what the services measured, at the moment it happened.");
  const none = el("p.quiet", { hidden: true }, "No answer yet.");
  const head = ["", "At", "What the caller waited for", "Waited", "Tokens", "Cost"].map((name, index) => el("th", { scope: "col", class: index > 2 ? "number" : null }, name || el("span.unseen", {}, "Answer")));
  const tableElement = el("table.answers", {}, el("caption.unseen", {}, "Answers and their parts"), el("thead", {}, el("tr", {}, head)), rows);
  return {
    element: el("section.panel", {}, el("h2", {}, "Answers: where the wait goes"), averages, about, tableElement, none),
    update({ answers, averages: mean }) {
      none.hidden = answers.length > 0;
      tableElement.hidden = !answers.length;
      about.hidden = !answers.length || answers.some((answer) => answer.named);
      const whole = mean.reduce((sum, part) => sum + part.seconds, 0);
      averages.replaceChildren(...mean.filter((part) => part.seconds >= whole / 100).map((part) => el("li", {}, el(`span.swatch.${ink(part.part)}`), `${named(part.part)} `, el("b", {}, ms(part.seconds * 1000)), ` ${Math.round((part.seconds / whole) * 100)} %`)));
      const longest = Math.max(...answers.map((answer) => answer.seconds));
      rows.replaceChildren(...answers.map((answer) => line(answer, longest)));
    },
  };
}

function line(answer, longest) {
  const { number, at, seconds, used, interrupted } = answer;
  const tokens = used.prompt_tokens === null ? null : used.prompt_tokens + (used.completion_tokens ?? 0);
  return el("tr", {},
    el("th", { scope: "row" }, String(number)),
    el("td", {}, clock(at), interrupted ? el("span.odd", { title: "The caller cut this answer off" }, " ✕", el("span.unseen", {}, " cut off")) : null),
    el("td.parts", {}, stack(answer, longest)),
    el("td.number", {}, ms(seconds * 1000)),
    el("td.number", {}, count(tokens)),
    el("td.number", {}, usd(used.cost_usd)));
}

function stack({ parts, seconds, named: exact }, longest) {
  const box = el("div.stack", { class: exact ? null : "measured" });
  box.style.width = `${(seconds / longest) * 100}%`;
  for (const { part, from, seconds: took } of parts) {
    const words = `${named(part)} ${ms(took * 1000)}`;
    const segment = el(`div.segment.${ink(part)}`, { title: words }, el("span.long", {}, words), el("span.brief", { "aria-hidden": "true" }, String(Math.round(took * 1000))));
    segment.style.left = `${(from / seconds) * 100}%`;
    segment.style.width = `${(took / seconds) * 100}%`;
    box.append(segment);
  }
  return box;
}
