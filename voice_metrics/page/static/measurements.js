// Everything that was measured in a call, as a table that opens on demand.

import { el, say } from "./dom.js";
import { table } from "./table.js";
import { KINDS, count, length, ms, or, plain, plural, unit } from "./words.js";

const COUNTS = ["characters", "prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens", "reasoning_tokens"];
const LENGTHS = ["turn", "audio_seconds", "speech", "silence"];

export function value({ kind, value: number, value_text: text }) {
  if (number === null) return "–";
  if (text) return text;
  if (COUNTS.includes(kind)) return count(number);
  return LENGTHS.includes(kind) ? length(number) : ms(number * 1000);
}

export function measurementsPart() {
  let shown = [];
  const list = table("Measurements", [
    { name: "After", number: true, text: (row) => unit(row.after.toFixed(2), "s") },
    { name: "What", text: (row) => KINDS[row.kind] ?? plain(row.kind) },
    { name: "Value", number: true, text: value },
    { name: "Outcome", text: (row) => or(row.outcome?.replaceAll("_", " ")) },
    { name: "Service", minor: true, text: (row) => or(row.service) },
    { name: "Name", text: (row) => or([row.name, row.model].filter(Boolean).join(" ")) },
  ], (row) => row.place);
  const summary = el("summary", {}, "All measurements");
  const details = el("details.figures", { ontoggle: () => details.open && list.update(shown) }, summary, list.element);
  return {
    element: el("section.panel", {}, details),
    update(rows, start) {
      shown = rows.map((row, place) => ({ ...row, place, after: row.at - start }));
      say(summary, `All ${plural(rows.length, "measurement")}`);
      details.parentElement.hidden = !rows.length;
      if (details.open) list.update(shown);
    },
  };
}
