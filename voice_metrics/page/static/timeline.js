// The call from left to right: whose turn it is, and what each service does meanwhile.

import { el, say } from "./dom.js";
import { SLOW_SECONDS, clock, ms, plain, seconds, unit } from "./words.js";

const LANES = { stt: "Speech to text", llm: "Language model", functions: "Functions", tts: "Text to speech" };
const TURNS = { bot: "Bot speaks", wait: "Caller waits", caller: "Caller's turn" };
const INTERRUPTED = "Bot speaks, interrupted by the caller";
const MORE = { speech: ["voice", "Caller speaks"], silences: ["silence", "Silence"], gaps: ["gap", "Gap in the bot's speech"], stalls: ["stall", "Event loop held"] };
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const ZOOM = [1, 2, 4, 8, 16, 32];
const READ = "Point at a bar, or tap it, to read what it is.";
// A stretch that is shown fills at least this part of the view.
const SHARE = 0.1;
// Marks that are closer than this part of the call cover one another.
const HIDING = 0.02;
// A longer call has more bars than a screen has places for.
const DENSE_SECONDS = 600;

export function timelinePart() {
  const lanes = el("div.lanes");
  const scroll = el("div.timeline", { tabindex: "0", role: "region", "aria-label": "Time line of the call; the tables below have its numbers" }, lanes);
  const reading = el("p.lane-text", {}, READ);
  const zoomIn = el("button", { type: "button", "aria-label": "Zoom in", onclick: () => zoom(1) }, "+");
  const zoomOut = el("button", { type: "button", "aria-label": "Zoom out", onclick: () => zoom(-1) }, "−");
  const key = el("ul.key", { "aria-hidden": "true" }, Object.entries(TURNS).map(([kind, text]) => el("li", {}, el(`span.swatch.turn-${kind}`), text)), el("li", {}, el("span.swatch.first"), "Request, until its first byte"), el("li", {}, el("span.swatch.rest"), "until its end"));
  const more = el("ul.key", { "aria-hidden": "true" });
  const zooming = el("div.controls", {}, zoomOut, zoomIn);
  const none = el("p.quiet", { hidden: true });
  let level = 0;
  const zoom = (way) => {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
    magnify(level + way);
    scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
  };
  const magnify = (wanted) => {
    level = Math.min(ZOOM.length - 1, Math.max(0, wanted));
    lanes.style.width = `${ZOOM[level] * 100}%`;
    lanes.dataset.zoom = ZOOM[level];
    settle();
    axis(shown);
  };
  const settle = () => {
    zoomOut.disabled = level === 0;
    zoomIn.disabled = level === ZOOM.length - 1;
  };
  let shown = null;
  const pointer = el("div.pointer", { hidden: true });
  let pointed = 0;
  const point = () => sized(pointer, { left: `calc(var(--label) + (100% - var(--label)) * ${shown ? pointed / shown.seconds : 0})` });
  const idle = () => `${READ}${scroll.scrollWidth > scroll.clientWidth + 1 ? " Scroll sideways for the rest." : ""}`;
  const axis = (story) => story && lanes.querySelector(".axis .track")?.replaceChildren(...ticks(story.seconds, lanes.clientWidth));
  for (const event of ["pointerover", "click"]) {
    lanes.addEventListener(event, ({ target }) => say(reading, target.closest("[data-text]")?.dataset.text ?? idle()));
  }
  const resized = new ResizeObserver(() => {
    axis(shown);
    if (reading.textContent.startsWith(READ)) say(reading, idle());
  });
  resized.observe(scroll);
  resized.observe(lanes);
  settle();
  return {
    element: el("section.panel", {}, el("div.panel-head", {}, el("h2", {}, "Time line"), zooming), key, more, scroll, reading, none),
    // Brings a stretch into view and marks where it begins.
    show(from, to, text) {
      if (!shown?.seconds) return;
      const share = Math.max(to - from, 0.5) / shown.seconds;
      const wanted = ZOOM.findIndex((each) => each * share >= SHARE);
      pointed = from;
      pointer.hidden = false;
      point();
      magnify(Math.max(level, wanted < 0 ? ZOOM.length - 1 : wanted));
      scroll.scrollLeft = pointer.offsetLeft - scroll.clientWidth / 2;
      say(reading, text);
      scroll.scrollIntoView({ block: "nearest" });
    },
    update(story, call, live) {
      shown = story;
      const marked = Object.entries(MARKED).filter(([kind]) => story.marks.some((mark) => mark.kind === kind));
      const slow = story.answers.some((answer) => answer.slow) ? [el("li", {}, el("span.swatch.turn-wait.slow"), `Caller waits, slow: over ${unit(SLOW_SECONDS, "s")}`)] : [];
      more.replaceChildren(...slow, ...marked.map(([kind, text]) => el("li", {}, el(`span.sign.sign-${markClass(kind)}`, {}, SIGNS[kind] ?? "!"), text)), ...Object.entries(MORE).filter(([name]) => story.floor[name].length).map(([, [ink, text]]) => el("li", {}, el(`span.swatch.${ink}`), text)));
      more.hidden = !more.children.length;
      say(none, live ? "Nothing was measured yet." : "Nothing was measured, or the ledger no longer has the measurements.");
      none.hidden = story.strip.length + story.lanes.length + story.marks.length > 0;
      scroll.hidden = reading.hidden = key.hidden = zooming.hidden = !none.hidden;
      const place = (from, to) => ({ left: `${(from / story.seconds) * 100}%`, width: `${((to - from) / story.seconds) * 100}%` });
      lanes.classList.toggle("dense", story.seconds > DENSE_SECONDS);
      lanes.replaceChildren(conversationLane(story, place), ...floorLanes(story, place), ...Object.keys(LANES).map((name) => serviceLane(name, story, place)).filter(Boolean), el("div.lane.axis", {}, el("span.label", {}, live ? "running" : ""), el("div.track")), pointer);
      point();
      axis(story);
    },
  };
}

function conversationLane(story, place) {
  const stretches = story.strip.map((each) => {
    const cut = each.kind === "bot" && each.outcome === "interrupted";
    const answer = each.kind === "wait" ? story.answers.find((one) => Math.abs(one.at - each.from) < 0.01) : null;
    const length = answer ? answer.seconds : each.to - each.from;
    const text = each.kind === "wait" ? ms(length * 1000) : each.kind === "bot" ? "Bot" : "Caller";
    const sentence = `${clock(each.from)} · ${answer ? `Answer ${answer.number}: caller waits${answer.slow ? ", slow" : ""}` : cut ? INTERRUPTED : TURNS[each.kind]}, ${each.kind === "wait" ? ms(length * 1000) : seconds(length)}`;
    const slow = answer?.slow ? " slow" : "";
    return bar(`turn-${each.kind}${cut ? " cut" : ""}${slow}`, sentence, place(each.from, each.to), el("span.text", {}, text));
  });
  const lower = marksBelow(story);
  const marks = story.marks.map((mark) => bar(`mark mark-${markClass(mark.kind)}${lower.has(mark) ? " beneath" : ""}`, markSentence(mark), { left: place(mark.at, mark.at).left }, SIGNS[mark.kind] ?? "!"));
  return el("div.lane.strip", {}, el("span.label", {}, "Conversation"), el("div.track", {}, stretches, marks));
}

// The marks that would hide the one before them and have their places below, as an error and the turn that it left unanswered.
function marksBelow({ marks, seconds: whole }) {
  const found = new Set();
  for (const [index, mark] of marks.entries()) {
    const before = marks[index - 1];
    if (before && !found.has(before) && mark.at - before.at < whole * HIDING) found.add(mark);
  }
  return found;
}

const SIGNS = { interruption: "✕", unanswered: "?" };
const MARKED = { interruption: "Interruption", unanswered: "Turn without an answer", error: "Error", function_call: "Function that failed" };
const markClass = (kind) => (kind === "interruption" ? "cut" : "bad");

// Lanes that a call has where its pipeline tells who speaks: speech with silences and gaps, and what held the loop.
function floorLanes({ floor: { speech, silences, gaps, stalls } }, place) {
  const drawn = (kind, said) => (each) => bar(kind(each), `${clock(each.from)} · ${said(each)}, ${ms(each.seconds * 1000)}`, place(each.from, each.to));
  const lanes = [
    ["Who speaks", [
      ...silences.map(drawn(() => "silence", (each) => (each.outcome ? `Silence after the ${each.outcome}` : "Silence"))),
      ...speech.map(drawn((each) => (each.name === "bot" ? "turn-bot" : "voice"), (each) => (each.name === "bot" ? "Bot speaks" : "Caller speaks"))),
      ...gaps.map(drawn(() => "gap", (each) => (each.outcome === "missing" ? "Gap: text whose audio never came" : "Gap: the bot's audio came late"))),
    ]],
    ["Event loop", stalls.map(drawn(() => "stall", (each) => `Event loop held${each.name ? ` in ${each.name}` : ""}`))],
  ];
  return lanes.filter(([, bars]) => bars.length).map(([name, bars]) => el("div.lane", {}, el("span.label", {}, name), el("div.track", {}, bars)));
}

function markSentence(mark) {
  const sentences = {
    unanswered: `The caller's turn got no answer: ${plain(mark.outcome ?? "cause unknown")}`,
    interruption: "The caller interrupts the bot",
    error: `Error in ${mark.name ?? "the pipeline"}: ${plain(mark.outcome ?? "cause unknown")}`,
    function_call: `Function ${mark.name}: ${plain(mark.outcome ?? "cause unknown")}`,
  };
  return `${clock(mark.at)} · ${sentences[mark.kind]}`;
}

function serviceLane(name, story, place) {
  const found = story.lanes.find((each) => each.name === name);
  if (!found) return null;
  const bars = found.bars.map((each) => {
    const drawn = bar(`lane-${name}${each.outcome && each.outcome !== "completed" ? " cut" : ""}`, barSentence(name, each), place(each.from, each.to));
    const share = each.first_byte_seconds === null ? 0 : Math.min(1, each.first_byte_seconds / (each.to - each.from || 1));
    if (share > 0) drawn.append(sized(el("span.first"), { width: `${share * 100}%` }));
    if (name === "functions") drawn.append(el("span.text", {}, each.name ?? ""));
    return drawn;
  });
  return el("div.lane", {}, el("span.label", {}, LANES[name]), el("div.track", {}, bars));
}

function barSentence(name, { from, to, kind, first_byte_seconds: first, name: service, model, outcome }) {
  const whole = ms((to - from) * 1000);
  const firstByte = first === null ? null : `first byte after ${ms(first * 1000)}`;
  const took = name === "functions" ? whole : [firstByte, kind === "ttfb" ? null : `done after ${whole}`].filter(Boolean).join(", ");
  return [clock(from), [service, model].filter(Boolean).join(" "), took, outcome === "completed" ? null : outcome?.replaceAll("_", " ")].filter(Boolean).join(" · ");
}

function bar(classes, text, size, ...children) {
  return sized(el("div", { class: `bar ${classes}`, "data-text": text }, children), size);
}

// Set through the object model: the page's policy allows no styles in markup.
function sized(element, size) {
  Object.assign(element.style, size);
  return element;
}

function ticks(length, width) {
  const shortest = (64 * length) / Math.max(1, width);
  const step = STEPS.find((each) => each >= shortest) ?? Math.ceil(shortest / STEPS.at(-1)) * STEPS.at(-1);
  // The last one needs room for its words.
  const room = Math.max(0, length - (40 / width) * length);
  return Array.from({ length: Math.floor(room / step) + 1 }, (_, index) => sized(el("span.tick", {}, clock(index * step)), { left: `${((index * step) / length) * 100}%` }));
}
