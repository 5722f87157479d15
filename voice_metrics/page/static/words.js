// Numbers in words. A number that does not exist is a dash, never 0.

export const NOTHING = "–";
const absent = (value) => value === null || value === undefined;
const pad = (value) => String(value).padStart(2, "0");
// Halves go to the even digit, as in the log and the terminal.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0, roundingMode: "halfEven" });
// A quarter is the only half of a tenth that toFixed takes away from the even digit.
const tenths = (value) => (value % 1 === 0.25 ? value - 0.05 : value).toFixed(1);

// A number and its unit stay on one line.
export const unit = (number, name) => `${number}\u00a0${name}`;

export function count(value) {
  return absent(value) ? NOTHING : whole.format(value).replaceAll(",", "\u202f");
}

// A text with its whole numbers as `count` has them and its units as `unit` has them; the digits behind a point stay.
export function grouped(text) {
  return text.replace(/(?<![.\d])\d{4,}/g, (digits) => count(Number(digits))).replace(/(\d) (ms|s|min|h)\b/g, (_, digit, name) => unit(digit, name));
}

export function ms(value) {
  return absent(value) ? NOTHING : unit(count(value), "ms");
}

export function seconds(value) {
  return absent(value) ? NOTHING : unit(tenths(value), "s");
}

export function length(value) {
  if (absent(value)) return NOTHING;
  if (value < 60) return seconds(value);
  const all = Number(whole.format(value).replaceAll(",", ""));
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor((all % 3600) / 60);
  if (hours) return `${unit(hours, "h")} ${unit(pad(minutes), "min")}`;
  return `${unit(minutes, "min")} ${unit(pad(all % 60), "s")}`;
}

// A moment within a call, as on a clock that starts with it.
export function clock(value) {
  const minutes = Math.floor(value / 60);
  return `${minutes}:${pad(Math.floor(value % 60))}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function day(at) {
  const then = new Date(at * 1000);
  return `${then.getFullYear()}-${pad(then.getMonth() + 1)}-${pad(then.getDate())}`;
}

// A day on an axis, as in a list.
export function date(at) {
  const then = new Date(at * 1000);
  return `${then.getDate()} ${MONTHS[then.getMonth()]}`;
}

export function time(at, withSeconds = true) {
  const date = new Date(at * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${withSeconds ? `:${pad(date.getSeconds())}` : ""}`;
}

export function moment(at) {
  return absent(at) ? NOTHING : `${day(at)} ${time(at)}`;
}

// A moment in a list: the time today, the day and the time before.
export function recent(at) {
  if (absent(at)) return NOTHING;
  const now = new Date();
  if (day(at) === day(now / 1000)) return time(at);
  if (day(at).slice(0, 4) !== day(now / 1000).slice(0, 4)) return `${day(at)} ${time(at, false)}`;
  return `${date(at)} ${time(at, false)}`;
}

// A text, or the dash that stands for none.
export function or(text) {
  return absent(text) || text === "" ? NOTHING : text;
}

// The beginning of an id: the first group of a UUID, or as much of another.
export const short = (id) => {
  const characters = [...id];
  const kept = /^[0-9a-f]{8}-/.test(id) ? 8 : 12;
  return characters.length > kept + 1 ? `${characters.slice(0, kept).join("")}…` : id;
};

export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

export const SERVICES = { stt: "Speech to text", llm: "Language model", tts: "Text to speech", other: "Other services" };
export const KINDS = {
  ttfb: "time to first byte",
  ttfa: "time to first audio",
  ttfat: "time to first answer token",
  response_part: "part of the response",
  turn: "bot spoke",
  audio_seconds: "audio recognised",
  cost_usd: "cost",
  unpriced: "no price known",
  unanswered: "turn without an answer",
  bot_gap: "gap in the bot's speech",
  loop_stall: "event loop held",
};

// What Pipecat calls the parts of a response, in words. A part that is not listed here keeps its own name.
export const PARTS = {
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

export const named = (part) => PARTS[part] ?? plain(part ?? "other");
export const plain = (text) => String(text).replaceAll("_", " ");

// A response above it is slow: the limit of answer_waits.py.
export const SLOW_SECONDS = 2.5;

// The first of those that took longest, or null.
export const longest = (all) => all.reduce((most, one) => (one.seconds > (most?.seconds ?? 0) ? one : most), null);

export function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}
