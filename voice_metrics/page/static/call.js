// One call: its numbers, its time line, its answers, and everything that was measured.

import { answersPart } from "./answers.js";
import { el, heading, say, tile } from "./dom.js";
import { callFacts, outcome } from "./facts.js";
import { measurementsPart } from "./measurements.js";
import { standoutsPart } from "./standouts.js";
import { callAddress } from "./table.js";
import { timelinePart } from "./timeline.js";
import { count, length, longest, median, ms, or, plural, short } from "./words.js";

const TILES = ["Response p50", "Worst response", "Length", "Bot turns", "Tokens", "Characters", "Audio to text", "Cost"];
const ENDS = { error: "bad", unknown: "odd", cancelled: "odd" };

export function callView(query) {
  const id = el("code.id", {}, query.id);
  const state = el("span.state");
  const achieved = el("span.outcome", { hidden: true });
  const trace = el("a.button", { hidden: true, target: "_blank", rel: "noopener noreferrer" }, "Trace");
  const copied = el("span.copied", { role: "status" });
  const copy = el("button", { type: "button", onclick: () => copyText(id.textContent, copied) }, "Copy id");
  const tiles = TILES.map(tile);
  const pages = el("p", { hidden: true });
  const timeline = timelinePart();
  const standouts = standoutsPart(timeline.show);
  const answers = answersPart(timeline.show);
  const facts = callFacts();
  timeline.element.append(standouts.element);
  const measurements = measurementsPart();
  let live = true;
  return {
    title: `Call ${short(query.id)}`,
    heading: el("div.heading", {}, el("h1", { tabindex: "-1" }, "Call ", id), el("div.controls", {}, state, achieved, trace, copy, copied)),
    failed: () => [copied, state, achieved, trace, copy].forEach((each) => { each.hidden = true; }),
    element: el("div", {}, el("dl.tiles.small", {}, tiles.map((each) => each.element)), pages, timeline.element, answers.element, facts.element, measurements.element),
    every: () => (live ? 1000 : 5000),
    update(data) {
      const { call, summary, story, measurements: rows, page, pages: most, trace_url: address } = data;
      state.hidden = copy.hidden = false;
      achieved.hidden = !summary.outcome || summary.outcome === "none";
      if (!achieved.hidden) say(achieved, achieved.title = outcome(summary));
      achieved.className = `outcome ${{ true: "good", false: "bad" }[summary.success] ?? ""}`;
      trace.hidden = !address;
      if (address) trace.href = address;
      live = call.state === "live";
      say(id, call.call_id);
      say(state, live ? "running" : call.end_reason ?? "ended");
      state.className = `state ${live ? "good" : ENDS[call.end_reason] ?? ""}`;
      fillTiles(tiles, call, summary, story);
      showPageLinks(pages, call, page, most);
      timeline.update(story, call, live);
      standouts.update(story);
      answers.update(story, live);
      facts.update(data);
      measurements.update(rows, call.started_at);
    },
  };
}

// A long call is shown part by part, the latest first.
function showPageLinks(place, call, page, most) {
  place.hidden = most < 2;
  const shown = `${page} of ${most}`;
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  const link = (words, to) => (to < 0 || to >= most ? "" : el("a", { href: callAddress(call.call_id, call.key, to) }, words));
  place.replaceChildren(`Part ${most - page} of ${most} of a long call. `, link("Earlier", page + 1), " ", link("Later", page - 1));
}

function fillTiles([middle, worst, long, turns, tokens, characters, audio, cost], call, summary, story) {
  // A running call's time line is newer than its summary.
  const live = call.state === "live" && story.answers.length > 0;
  const waits = story.answers.map((answer) => 1000 * answer.seconds);
  const response = live ? { count: waits.length, p50_ms: median(waits) } : summary.response ?? {};
  const used = [call.prompt_tokens, call.completion_tokens];
  const unpriced = summary.cost?.unpriced?.length;
  const unanswered = story.marks.filter((mark) => mark.kind === "unanswered").length || summary.turns?.unanswered;
  const slowest = longest(story.answers);
  middle.show(ms(response.p50_ms), response.p95_ms ? `p95 ${ms(response.p95_ms)}` : response.count ? `of ${plural(response.count, "answer")}` : "none measured");
  worst.show(ms(call.worst_response_ms), slowest ? `in answer ${slowest.number}` : "");
  worst.mark(slowest?.slow ? "odd" : "");
  long.show(length(call.duration_seconds));
  turns.show(count(call.turns), [call.interruptions && plural(call.interruptions, "interruption"), unanswered && `${count(unanswered)} unanswered`, call.errors && plural(call.errors, "error")].filter(Boolean).join(", "));
  turns.mark(unanswered ? "odd" : "");
  tokens.show(used.every((number) => number == null) ? "–" : count((used[0] ?? 0) + (used[1] ?? 0)), used[0] == null ? "" : `${count(used[0])} in, ${count(used[1])} out`);
  characters.show(count(call.characters), "sent to speech");
  audio.show(length(call.audio_seconds));
  cost.show(or(call.cost_usd_text), unpriced ? `no price for ${count(unpriced)} of the models` : "");
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
