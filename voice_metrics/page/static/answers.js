// Each answer as one bar of its parts, all on one scale: where the caller's wait goes.

import { el, fit, say } from "./dom.js";
import { jump } from "./standouts.js";
import { PARTS, SLOW_SECONDS, clock, count, longest, ms, named, or, plural, unit } from "./words.js";

const partClass = (part) => (part in PARTS ? `part-${part}` : "part-other");
// More than these scroll by themselves, and can be ordered.
const FEW = 12;
// Words of this length need more room than a bar of the usual width has.
const LONG = 24;

// show(from, to, text) brings an answer into view.
export function answersPart(show) {
  const rows = el("tbody");
  const averages = el("ul.key.averages");
  const over = el("p.quiet.over");
  const words = el("span");
  const find = jump("Show it in the time line", () => slow && point(slow));
  const why = el("p.why", { hidden: true }, words, " ", find);
  const about = el("p.quiet", { hidden: true }, "Pipecat did not name the parts of these answers. The bars show what the services measured, at the moment it happened.");
  const none = el("p.quiet", { hidden: true });
  const order = el("select", { onchange: () => { list(); makeReachable(rows, rows.querySelector(".jump")); } }, [["time", "by time"], ["wait", "slowest first"]].map(([value, text]) => el("option", { value }, text)));
  const ordering = el("label", { hidden: true }, "Order ", order);
  const head = ["", "At", "What the caller waited for", "Waited", "Tokens", "Cost"].map((name, index) => el("th", { scope: "col", class: index > 2 ? "number" : null }, name || el("span.unseen", {}, "Answer")));
  const tableElement = el("table.answers", {}, el("caption.unseen", {}, "Answers and their parts"), el("thead", {}, el("tr", {}, head)), rows);
  const scroll = el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Answers and their parts" }, tableElement);
  let answers = [];
  let slow = null;
  const point = (answer) => show(answer.at, answer.at + answer.seconds, `${clock(answer.at)} · Answer ${answer.number}: caller waits, ${ms(answer.seconds * 1000)}`);
  const list = () => {
    const shown = order.value === "wait" ? [...answers].sort((one, other) => other.seconds - one.seconds) : answers;
    const most = longest(answers)?.seconds;
    fit(rows, shown, (answer) => answer.number, () => el("tr"), (row, answer) => fillRow(row, answer, most, point));
    makeReachable(rows, rows.querySelector(".jump[tabindex='0']") ?? rows.querySelector(".jump"));
  };
  rows.addEventListener("focusin", ({ target }) => target.matches(".jump") && makeReachable(rows, target));
  rows.addEventListener("keydown", (event) => moveFocus(rows, event));
  return {
    element: el("section.panel", {}, el("div.panel-head", {}, el("h2", {}, "Answers: where the wait goes"), ordering), why, over, averages, about, scroll, none),
    update({ answers: newest, averages: mean, averaged }, live) {
      answers = newest;
      slow = slowest(answers);
      why.hidden = slow === null;
      if (slow) say(words, explanation(slow));
      over.hidden = !mean.length;
      say(over, `On average over ${averaged < answers.length ? `the ${averaged} of ${plural(answers.length, "answer")} whose parts are known` : plural(averaged, "answer")}:`);
      none.hidden = answers.length > 0;
      say(none, live ? "No answer yet." : "No answer was measured in this call.");
      scroll.hidden = !answers.length;
      scroll.classList.toggle("tall", answers.length > FEW);
      ordering.hidden = answers.length <= FEW;
      about.hidden = !answers.length || answers.some((answer) => answer.named);
      const whole = mean.reduce((sum, part) => sum + part.seconds, 0);
      averages.replaceChildren(...mean.filter((part) => part.seconds > 0).map((part) => el("li", {}, el(`span.swatch.${partClass(part.part)}`), `${named(part.part)} `, el("b", {}, ms(part.seconds * 1000)), ` ${share(part.seconds / whole)}`)));
      list();
    },
  };
}

// The tab key stops at one of the rows, however many there are; the arrows go from row to row.
function makeReachable(rows, button) {
  rows.querySelectorAll(".jump[tabindex='0']").forEach((each) => { each.tabIndex = -1; });
  if (button) button.tabIndex = 0;
}

function moveFocus(rows, event) {
  const here = event.target.closest("tr");
  const next = { ArrowDown: here.nextElementSibling, ArrowUp: here.previousElementSibling, Home: rows.firstElementChild, End: rows.lastElementChild }[event.key];
  if (!next) return;
  event.preventDefault();
  next.querySelector(".jump").focus();
}

const share = (part) => unit(part < 0.005 ? "under 1" : Math.round(part * 100), "%");

function slowest(answers) {
  return longest(answers.filter((answer) => answer.slow));
}

// The slowest answer in a sentence, with the part that made it slow.
export function explanation({ number, at, seconds, parts, named: exact, longer, held }) {
  const most = exact && !longer ? longest(parts) : null;
  const by = longer?.by ? ` (${longer.by})` : "";
  const reason = longer ? ` ${named(longer.part)}${by} took ${ms(longer.seconds * 1000)} of it, ${longer.usual_seconds ? `usually ${ms(longer.usual_seconds * 1000)}` : "and most other answers had none"}.` : most ? ` The longest part of it was: ${named(most.part)}, ${ms(most.seconds * 1000)}.` : "";
  const stall = held ? ` Meanwhile the event loop was held for ${ms(held.seconds * 1000)}${held.function ? ` by ${held.function}` : ""}, so every call of the process waited.` : "";
  return `Slowest: answer ${number} at ${clock(at)}, ${ms(seconds * 1000)}.${reason}${stall}`;
}

function fillRow(row, answer, most, point) {
  // A row that says the same stays, with what has the focus in it.
  const says = JSON.stringify([answer, most]);
  if (row.dataset.says === says) return;
  row.dataset.says = says;
  const { number, at, seconds, used, interrupted, slow } = answer;
  const tokens = used.prompt_tokens === null ? null : used.prompt_tokens + (used.completion_tokens ?? 0);
  row.className = slow ? "slow" : "";
  row.replaceChildren(
    el("th", { scope: "row" }, jump(String(number), () => point(answer), -1)),
    el("td", {}, clock(at), interrupted ? el("span.odd", { title: "The caller interrupted this answer" }, " ✕", el("span.unseen", {}, " interrupted")) : null),
    el("td.parts", {}, partsBar(answer, most)),
    el("td.number", {}, slow ? el("span.badge", { title: `Longer than ${SLOW_SECONDS} s` }, "slow") : null, ms(seconds * 1000)),
    el("td.number", {}, count(tokens)),
    el("td.number", {}, or(used.cost_usd_text)));
}

function partsBar({ parts, seconds, named: exact }, most) {
  const box = el("div.stack", { class: exact ? null : "measured" });
  box.style.width = `${(seconds / most) * 100}%`;
  for (const { part, from, seconds: took } of parts) {
    const words = `${named(part)} ${ms(took * 1000)}`;
    const segment = el(`div.segment.${partClass(part)}`, { title: words, class: words.length > LONG ? "wordy" : null }, el("span.long", {}, words), el("span.brief", { "aria-hidden": "true" }, count(took * 1000)));
    segment.style.left = `${(from / seconds) * 100}%`;
    segment.style.width = `${(took / seconds) * 100}%`;
    box.append(segment);
  }
  return box;
}
