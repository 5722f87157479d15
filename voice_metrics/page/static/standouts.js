// What a reader should know of a call before its numbers: what failed, what was missing, what began late. Each in a sentence.

import { el, fit, say } from "./dom.js";
import { clock, ms, plain, plural } from "./words.js";

// A service that connects in less delays no greeting that a caller would notice.
const SLOW_START_SECONDS = 1;
const MOST = 12;

// Sentences in order of time: {at, text}; the same thing is said once; `at` is null for the set-up.
export function standouts(story) {
  const marks = story.marks.filter((mark) => mark.kind !== "interruption");
  const gaps = story.floor.gaps.map((gap) => ({ at: gap.from, kind: "gap", outcome: gap.outcome, seconds: gap.seconds }));
  const stalls = story.floor.stalls.map((stall) => ({ at: stall.from, kind: "stall", name: stall.name, seconds: stall.seconds }));
  const groups = new Map();
  for (const each of [...marks, ...gaps, ...stalls].sort((one, other) => one.at - other.at)) {
    const key = JSON.stringify([each.kind, each.name, each.outcome]);
    if (groups.has(key)) groups.get(key).push(each);
    else groups.set(key, [each]);
  }
  return [...setUp(story.start_up), ...[...groups.values()].map((alike) => ({ at: alike[0].at, text: sentence(alike) }))];
}

const SENTENCES = {
  unanswered: ({ outcome }) => `The caller's turn got no answer: ${plain(outcome ?? "cause unknown")}`,
  error: ({ name, outcome }) => `Error in ${name ?? "the pipeline"}: ${plain(outcome ?? "cause unknown")}`,
  function_call: ({ name, outcome }) => `Function ${name}: ${plain(outcome)}`,
  gap: ({ outcome }) => (outcome === "missing" ? "Gap in the bot's speech: text whose audio never came" : "Gap in the bot's speech: its audio came late"),
  stall: ({ name }) => `Event loop held${name ? ` by ${name}` : ""}, and every call of the process with it`,
};

function sentence(alike) {
  const seconds = alike[0].seconds === undefined ? null : alike.reduce((sum, each) => sum + each.seconds, 0);
  const length = !seconds ? "" : `, ${ms(seconds * 1000)}${alike.length > 1 ? " in all" : ""}`;
  return `${SENTENCES[alike[0].kind](alike[0])}${length}${alike.length > 1 ? ` (${plural(alike.length, "time")})` : ""}.`;
}

// The services' set-up, where the caller waited for it. A call without a greeting does not say whether.
function setUp(taken) {
  if (!taken || (taken.of_greeting_seconds ?? taken.seconds) < SLOW_START_SECONDS) return [];
  const [slowest] = taken.services;
  const waited = taken.of_greeting_seconds === null ? "" : `; the caller waited ${ms(taken.of_greeting_seconds * 1000)} of it for the greeting`;
  return [{ at: null, text: `The services took ${ms(taken.seconds * 1000)} to set up, the longest ${slowest.name} with ${ms(slowest.seconds * 1000)}${waited}.` }];
}

// The set-up as a line of the summary, or null.
export function setUpLine(taken) {
  if (!taken) return null;
  const services = taken.services.map(({ name, seconds }) => `${name} ${ms(seconds * 1000)}`).join(", ");
  const waited = taken.of_greeting_seconds ? `; the greeting waited ${ms(taken.of_greeting_seconds * 1000)} of it` : "";
  return `${ms(taken.seconds * 1000)} (${services})${waited}`;
}

// show(from, to, text) brings a moment into view.
export function standoutsPart(show) {
  const list = el("ul.standouts");
  const more = el("p.quiet", { hidden: true });
  const element = el("div", { hidden: true }, el("h3", {}, "What stands out"), list, more);
  return {
    element,
    update(story) {
      const found = standouts(story);
      element.hidden = !found.length;
      more.hidden = found.length <= MOST;
      say(more, `And ${found.length - MOST} more, in the time line.`);
      fit(list, found.slice(0, MOST), (each) => `${each.at} ${each.text}`, ({ at, text }) => el("li", {}, at === null ? el("span", {}, "Start") : jump(clock(at), () => show(at, at, `${clock(at)} · ${text}`)), el("span", {}, text)), () => {});
    },
  };
}

// A button that reads like a link: it leads to a moment of the time line.
export function jump(words, onclick, tabindex = 0) {
  return el("button.jump", { type: "button", title: "Show in the time line", tabindex, onclick }, words);
}
