import assert from "node:assert/strict";
import { test } from "node:test";

import { explanation } from "./answers.js";
import { setUpLine, standouts } from "./standouts.js";

const SPACE = "\u202f";
// The expected texts with their units unbroken.
const whole = (text) => text.replace(/(\d) (ms|s|min|h)\b/g, "$1\u00a0$2");
const FLOOR = { speech: [], silences: [], gaps: [], stalls: [] };
const story = (changes) => ({ marks: [], floor: FLOOR, start_up: null, ...changes });
const started = (seconds, waited) => ({ seconds, of_greeting_seconds: waited, services: [{ name: "TTS", seconds }, { name: "LLM", seconds: 0.5 }] });

test("a call without faults has nothing that stands out", () => {
  assert.deepEqual(standouts(story({ marks: [{ kind: "interruption", at: 3 }], start_up: started(0.9, 0.9) })), []);
});

test("the same thing is said once, at its first moment, with its number", () => {
  const error = (at, outcome) => ({ kind: "error", at, name: "TTS", outcome });
  assert.deepEqual(standouts(story({ marks: [error(5, "network"), error(2, "network"), error(3, null)] })), [
    { at: 2, text: "Error in TTS: network (2 times)." },
    { at: 3, text: "Error in TTS: cause unknown." },
  ]);
});

test("gaps and stalls are said with their time in all", () => {
  const gaps = [{ from: 1, to: 1.5, seconds: 0.5, name: null, outcome: "late" }, { from: 4, to: 5, seconds: 1, name: null, outcome: "late" }];
  assert.deepEqual(standouts(story({ floor: { ...FLOOR, gaps, stalls: [{ from: 0, to: 0, seconds: 0.6, name: null, outcome: null }] } })), [
    { at: 0, text: whole("Event loop held, and every call of the process with it, 600 ms.") },
    { at: 1, text: whole(`Gap in the bot's speech: its audio came late, 1${SPACE}500 ms in all (2 times).`) },
  ]);
});

test("text without audio at the end of an answer is a gap without a length", () => {
  const gaps = [{ from: 2, to: 2, seconds: 0, name: null, outcome: "missing" }];
  assert.deepEqual(standouts(story({ floor: { ...FLOOR, gaps } })), [{ at: 2, text: "Gap in the bot's speech: text whose audio never came." }]);
});

test("a slow set-up is said where the caller waited for it, or may have", () => {
  const said = (start) => standouts(story({ start_up: start })).map(({ at, text }) => [at, text]);
  assert.deepEqual(said(started(3, 0)), []);
  assert.deepEqual(said(started(3, 2)), [[null, whole(`The services took 3${SPACE}000 ms to set up, the longest TTS with 3${SPACE}000 ms; the caller waited 2${SPACE}000 ms of it for the greeting.`)]]);
  assert.deepEqual(said(started(3, null)), [[null, whole(`The services took 3${SPACE}000 ms to set up, the longest TTS with 3${SPACE}000 ms.`)]]);
});

test("the set-up is a line of the summary, if this Pipecat measures it", () => {
  assert.equal(setUpLine(null), null);
  assert.equal(setUpLine(started(0.8, null)), whole("800 ms (TTS 800 ms, LLM 500 ms)"));
  assert.equal(setUpLine(started(0.8, 0.3)), whole("800 ms (TTS 800 ms, LLM 500 ms); the greeting waited 300 ms of it"));
});

const answer = { number: 3, at: 65, seconds: 3, parts: [{ part: "transcription", seconds: 1 }, { part: "function_handler", seconds: 2 }], named: true, longer: null, held: null };

test("the slowest answer says which part took longer, and by what", () => {
  const longer = { part: "function_handler", by: "book_table", seconds: 2, usual_seconds: 0.2 };
  assert.equal(explanation({ ...answer, longer }), whole(`Slowest: answer 3 at 1:05, 3${SPACE}000 ms. Function (book_table) took 2${SPACE}000 ms of it, usually 200 ms.`));
  assert.equal(explanation({ ...answer, longer: { ...longer, by: null, usual_seconds: 0 } }), whole(`Slowest: answer 3 at 1:05, 3${SPACE}000 ms. Function took 2${SPACE}000 ms of it, and most other answers had none.`));
});

test("an answer that cannot be compared says its longest part, one without named parts none", () => {
  assert.equal(explanation(answer), whole(`Slowest: answer 3 at 1:05, 3${SPACE}000 ms. The longest part of it was: Function, 2${SPACE}000 ms.`));
  assert.equal(explanation({ ...answer, named: false }), whole(`Slowest: answer 3 at 1:05, 3${SPACE}000 ms.`));
});
