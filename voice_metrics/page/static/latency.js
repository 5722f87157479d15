// How long callers wait, and how long each service takes to its first byte.

import { chart, periodSelect } from "./chart.js";
import { el, heading, say } from "./dom.js";
import { SERVICES, count, ms } from "./words.js";

const lines = (p95, p50) => [
  { name: "p95", colour: p95, value: (point) => point.p95_ms, text: ms },
  { name: "p50", colour: p50, value: (point) => point.p50_ms, text: ms },
];
const CHARTS = [
  { title: "Response", about: "After the caller's last word", kind: "response", service: null, ink: ["wait-strong", "wait"] },
  ...["stt", "llm", "tts"].map((service) => ({ title: SERVICES[service], about: "Time to first byte", kind: "ttfb", service, ink: [`${service}-strong`, service] })),
];

export function latencyView(query, ask) {
  let asked = { period: "day", ...query };
  const change = (words) => ask((asked = { ...asked, ...words }));
  const charts = CHARTS.map((each) => ({ ...each, chart: chart(each.title, { lines: lines(...each.ink), sync: "latency" }) }));
  const models = el("select", { "aria-label": "Model", onchange: (event) => change({ model: event.target.value }) }, el("option", { value: "" }, "all"));
  const note = el("p.quiet.note", { hidden: true }, "A response is the work of several models: with one model chosen it is not shown.");
  return {
    title: "Latency",
    heading: heading("Latency", el("div.controls", {}, periodSelect(asked, change), el("label", {}, "Model ", models))),
    element: el("div", {}, note, el("div.charts", {}, charts.map((each) => each.chart.element))),
    every: () => 15000,
    update(data) {
      offerModels(models, data.models, asked.model ?? "");
      note.hidden = !asked.model;
      for (const { kind, service, about, chart: { element, headline, update } } of charts) {
        const mine = (point) => point.kind === kind && point.service === service;
        const whole = data.whole.find(mine);
        element.hidden = Boolean(asked.model) && (kind === "response" || (!whole && data.whole.length > 0));
        say(headline, whole ? `${about}: p50 ${ms(whole.p50_ms)}, p95 ${ms(whole.p95_ms)} (${count(whole.count)} measured)` : `${about}: none measured in this period`);
        update({ ...data, points: data.points.filter(mine) });
      }
    },
    close: () => charts.forEach((each) => each.chart.close()),
  };
}

function offerModels(select, names, chosen) {
  const wanted = ["", ...names];
  if (chosen && !names.includes(chosen)) wanted.push(chosen);
  if (wanted.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
    select.replaceChildren(...wanted.map((name) => el("option", { value: name }, name || "all")));
  }
  select.value = chosen;
}
