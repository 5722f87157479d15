// Each answer as one bar of its parts, all on one scale: where the caller's wait goes.

import { el, say } from "./dom.js";
import { PARTS, clock, count, ms, named, or, plural } from "./words.js";

const ink = (part) => (part in PARTS ? `part-${part}` : "part-other");

export function answersPart() {
  const rows = el("tbody");
  const averages = el("ul.key.averages");
  const over = el("p.quiet.over");
  const why = el("p.why", { hidden: true });
  const about = el("p.quiet", { hidden: true }, "Pipecat did not name the parts of these answers. The bars show what the services measured, at the moment it happened.");
  const none = el("p.quiet", { hidden: true }, "No answer yet.");
  const head = ["", "At", "What the caller waited for", "Waited", "Tokens", "Cost"].map((name, index) => el("th", { scope: "col", class: index > 2 ? "number" : null }, name || el("span.unseen", {}, "Answer")));
  const tableElement = el("table.answers", {}, el("caption.unseen", {}, "Answers and their parts"), el("thead", {}, el("tr", {}, head)), rows);
  return {
    element: el("section.panel", {}, el("h2", {}, "Answers: where the wait goes"), why, over, averages, about, el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Answers and their parts" }, tableElement), none),
    update({ answers, averages: mean, averaged }) {
      explain(why, answers);
      over.hidden = !mean.length;
      say(over, `On average over ${averaged < answers.length ? `the ${averaged} of ${plural(answers.length, "answer")} whose parts are known` : plural(averaged, "answer")}:`);
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

// The slowest answer in a sentence, with the part that made it slow.
function explain(why, answers) {
  const slowest = answers.filter((answer) => answer.slow).reduce((most, answer) => (answer.seconds > (most?.seconds ?? 0) ? answer : most), null);
  why.hidden = slowest === null;
  if (why.hidden) return;
  const { longer, held } = slowest;
  const reason = longer ? ` ${named(longer.part)} took ${ms(longer.seconds * 1000)} of it, ${longer.usual_seconds ? `usually ${ms(longer.usual_seconds * 1000)}` : "and nothing in the other answers"}.` : "";
  const stall = held ? ` Meanwhile the event loop was held for ${ms(held.seconds * 1000)}${held.function ? ` by ${held.function}` : ""}, so every call of the process waited.` : "";
  say(why, `Slowest: answer ${slowest.number} at ${clock(slowest.at)}, ${ms(slowest.seconds * 1000)}.${reason}${stall}`);
}

function line(answer, longest) {
  const { number, at, seconds, used, interrupted } = answer;
  const tokens = used.prompt_tokens === null ? null : used.prompt_tokens + (used.completion_tokens ?? 0);
  return el("tr", { class: answer.slow ? "slow" : null },
    el("th", { scope: "row" }, String(number)),
    el("td", {}, clock(at), interrupted ? el("span.odd", { title: "The caller cut this answer off" }, " ✕", el("span.unseen", {}, " cut off")) : null),
    el("td.parts", {}, stack(answer, longest)),
    el("td.number", {}, ms(seconds * 1000), answer.slow ? el("span.badge", {}, "slow") : null),
    el("td.number", {}, count(tokens)),
    el("td.number", {}, or(used.cost_usd_text)));
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
