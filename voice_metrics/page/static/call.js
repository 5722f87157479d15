// One call: its numbers, its time line, its answers, and everything that was measured.

import { answersPart } from "./answers.js";
import { el, heading, say, tile } from "./dom.js";
import { callFacts } from "./facts.js";
import { measurementsPart } from "./measurements.js";
import { callAddress } from "./table.js";
import { timelinePart } from "./timeline.js";
import { clock, count, length, ms, seconds, usd } from "./words.js";

const TILES = ["Response p50", "Worst response", "Length", "Bot turns", "Tokens", "Characters", "Audio to text", "Cost"];
const ENDS = { error: "bad", unknown: "odd", cancelled: "odd" };

export function callView(query) {
  const id = el("code.id", {}, query.id);
  const state = el("span.state");
  const copied = el("span.copied", { role: "status" });
  const copy = el("button", { type: "button", onclick: () => copyText(id.textContent, copied) }, "Copy id");
  const tiles = TILES.map(tile);
  const pages = el("p", { hidden: true });
  const timeline = timelinePart();
  const answers = answersPart();
  const facts = callFacts();
  const measurements = measurementsPart();
  let live = true;
  return {
    title: "Call",
    heading: el("div.heading", {}, el("h1", { tabindex: "-1" }, "Call ", id), el("div.controls", {}, copied, state, copy)),
    element: el("div", {}, el("dl.tiles.small", {}, tiles.map((each) => each.element)), pages, timeline.element, answers.element, facts.element, measurements.element),
    every: () => (live ? 1000 : 5000),
    update({ call, summary, story, measurements: rows, page, pages: most }) {
      live = call.state === "live";
      say(id, call.call_id);
      say(state, live ? "live" : call.end_reason ?? "ended");
      state.className = `state ${live ? "good" : ENDS[call.end_reason] ?? ""}`;
      numbers(tiles, call, summary, story);
      turnPages(pages, call, page, most);
      timeline.update(story, call, live);
      answers.update(story);
      facts.update(call, summary);
      measurements.update(rows, call.started_at);
    },
  };
}

// A long call is shown part by part, the latest first.
function turnPages(place, call, page, most) {
  place.hidden = most < 2;
  const shown = `${page} of ${most}`;
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  const link = (words, to) => (to < 0 || to >= most ? "" : el("a", { href: callAddress(call.call_id, call.key, to) }, words));
  place.replaceChildren(`Part ${most - page} of ${most} of a long call. `, link("Earlier", page + 1), " ", link("Later", page - 1));
}

function numbers([median, worst, long, turns, tokens, characters, audio, cost], call, summary, story) {
  const response = summary.response ?? {};
  const llm = summary.llm ?? {};
  const unpriced = summary.cost?.unpriced?.length;
  const slowest = story.answers.reduce((most, answer) => (answer.seconds > (most?.seconds ?? 0) ? answer : most), null);
  median.show(ms(response.p50_ms), response.count ? `p95 ${ms(response.p95_ms)}` : "none measured");
  worst.show(ms(call.worst_response_ms), slowest ? `in answer ${slowest.number}` : "");
  long.show(length(call.duration_seconds), call.errors ? `${count(call.errors)} ${call.errors === 1 ? "error" : "errors"}` : "");
  turns.show(count(call.turns), call.interruptions ? `${count(call.interruptions)} cut off by the caller` : "");
  tokens.show(count(llm.total_tokens), llm.prompt_tokens == null ? "" : `${count(llm.prompt_tokens)} in, ${count(llm.completion_tokens)} out`);
  characters.show(count(call.characters), "sent to speech");
  audio.show(seconds(call.audio_seconds));
  cost.show(usd(call.cost_usd), unpriced ? `no price for ${count(unpriced)} of the models` : "");
}

async function copyText(text, status) {
  try {
    await navigator.clipboard.writeText(text);
    say(status, "Copied");
  } catch {
    getSelection().selectAllChildren(document.querySelector("h1 .id"));
    say(status, "Selected: copy it with the keyboard");
  }
  setTimeout(() => say(status, ""), 3000);
}
