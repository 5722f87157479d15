// Numbers in words. A number that does not exist is a dash, never 0.

export const NOTHING = "–";
const absent = (value) => value === null || value === undefined;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  return absent(value) ? NOTHING : whole.format(value).replaceAll(",", "\u202f");
}

export function ms(value) {
  return absent(value) ? NOTHING : `${count(value)} ms`;
}

export function seconds(value) {
  return absent(value) ? NOTHING : `${value.toFixed(1)} s`;
}

// Two digits beyond the cent; more where the amount is less than that.
export function usd(value) {
  if (absent(value)) return NOTHING;
  if (value === 0 || Math.abs(value) >= 0.01) return `$${value.toFixed(4)}`;
  return Math.abs(value) >= 0.0001 ? `$${value.toFixed(6)}` : `$${Number(value.toPrecision(2))}`;
}

export function length(value) {
  if (absent(value)) return NOTHING;
  if (value < 60) return `${value.toFixed(1)} s`;
  const rounded = Math.round(value);
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return `${minutes} min ${String(rounded % 60).padStart(2, "0")} s`;
}

// A moment within a call, as on a clock that starts with it.
export function clock(value) {
  const minutes = Math.floor(value / 60);
  return `${minutes}:${String(Math.floor(value % 60)).padStart(2, "0")}`;
}

const pad = (value) => String(value).padStart(2, "0");

export function day(at) {
  const date = new Date(at * 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function time(at, withSeconds = true) {
  const date = new Date(at * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${withSeconds ? `:${pad(date.getSeconds())}` : ""}`;
}

export function moment(at) {
  return absent(at) ? NOTHING : `${day(at)} ${time(at)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// A moment in a list: the time today, the day and the time before.
export function recent(at) {
  if (absent(at)) return NOTHING;
  const date = new Date(at * 1000);
  const now = new Date();
  if (day(at) === day(now / 1000)) return time(at);
  if (date.getFullYear() !== now.getFullYear()) return `${day(at)} ${time(at, false)}`;
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${time(at, false)}`;
}

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

// What became of a call's series, for a table and for a sentence.
const SERIES = {
  live: ["running", "the call is running"],
  delivered: ["delivered", "acknowledged by the server"],
  pending: ["waits to be sent", "not acknowledged yet: “voice-metrics resend” sends them if the bot is gone"],
  refused: ["refused", "refused by the server for good"],
  unknown: ["unknown", "nothing waits to be sent; nobody told what became of the last values"],
  local: ["local only", "kept here only: no endpoint was configured"],
};

export const series = (call) => SERIES[call.fate]?.[0] ?? call.fate;
export const seriesAtLength = (call) => SERIES[call.fate]?.[1] ?? call.fate;

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
};
