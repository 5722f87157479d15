// What calls used and cost, by the time of their start.

import { chart, periodSelect } from "./chart.js";
import { el, heading, say } from "./dom.js";
import { count, length, or, unit } from "./words.js";

// The amounts of an axis have the same digits: as many as the smallest step needs, and cents at least where there are any.
const dollars = (number, _, all) => `$${number.toFixed(all.every(Number.isInteger) ? 0 : Math.max(2, ...all.map((each) => String(Number(each.toPrecision(6))).split(".")[1]?.length ?? 0)))}`;
const minutes = (number) => unit(Number((number / 60).toFixed(1)), "min");
const MINUTES = [6, 12, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 72000, 180000];
// A chart has room for a middle tick, because each step is at most twice the one before.
const WHOLE = [1, 2, 4, 5].flatMap((step) => Array.from({ length: 7 }, (_, zeros) => step * 10 ** zeros)).sort((one, other) => one - other);
const usd = (key) => (_, point) => or(point?.[`${key}_text`]);
const line = (name, colour, key, text, tick) => ({ name, colour, value: (point) => point[key], text, tick: tick ?? ((number) => (Number.isInteger(number) ? text(number) : "")), bars: true });
const CHARTS = [
  {
    title: "Cost",
    lines: [line("Language model", "llm", "llm_usd", usd("llm_usd"), dollars), line("Speech to text", "stt", "stt_usd", usd("stt_usd")), line("Text to speech", "tts", "tts_usd", usd("tts_usd"))],
    whole: (sum) => (sum.cost_usd === null ? "no usage with a known price" : `${sum.cost_usd_text}: LLM ${sum.llm_usd_text}, STT ${sum.stt_usd_text}, TTS ${sum.tts_usd_text}`),
  },
  { title: "Calls", lines: [{ ...line("Calls", "bot", "calls", count), steps: WHOLE }], whole: (sum) => `${count(sum.calls)} started` },
  {
    title: "Tokens",
    lines: [line("Prompt", "llm", "prompt_tokens", count), line("Completion", "llm-strong", "completion_tokens", count)],
    whole: (sum) => `${count(sum.prompt_tokens)} prompt, ${count(sum.completion_tokens)} completion`,
  },
  { title: "Characters to speech", lines: [line("Characters", "tts", "characters", count)], whole: (sum) => count(sum.characters) },
  { title: "Audio to text", lines: [{ ...line("Audio", "stt", "audio_seconds", length, minutes), steps: MINUTES }], whole: (sum) => length(sum.audio_seconds) },
];

export function usageView(query, ask) {
  let asked = { period: "day", ...query };
  const change = (words) => ask((asked = { ...asked, ...words }));
  const charts = CHARTS.map((each) => ({ ...each, chart: chart(each.title, { lines: each.lines, stacked: each.lines.length > 1, sync: "usage" }) }));
  return {
    title: "Usage and cost",
    heading: heading("Usage and cost", el("div.controls", {}, periodSelect(asked, change))),
    element: el("div", {}, el("div.charts", {}, charts.map((each) => each.chart.element))),
    every: () => 10000,
    update(data) {
      for (const { whole, chart: { headline, update } } of charts) {
        say(headline, data.whole ? whole(data.whole) : "No call in this period");
        update(data);
      }
    },
    close: () => charts.forEach((each) => each.chart.close()),
  };
}
