import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, count, grouped, length, median, ms, named, or, plural, seconds, short } from "./words.js";

const SPACE = "\u202f";
// The expected texts with their units unbroken.
const whole = (text) => text.replace(/(\d) (ms|s|min|h)\b/g, "$1\u00a0$2");

test("a number that does not exist is a dash, and 0 is one that does", () => {
  for (const word of [count, ms, seconds, length, or]) {
    assert.equal(word(null), "–");
    assert.equal(word(undefined), "–");
  }
  assert.equal(count(0), "0");
  assert.equal(ms(0), whole("0 ms"));
  assert.equal(or(""), "–");
});

test("thousands stand apart", () => {
  assert.equal(count(1234567.4), `1${SPACE}234${SPACE}567`);
  assert.equal(ms(1705.5), whole(`1${SPACE}706 ms`));
  assert.equal(grouped("10506 = 10034 prompt + 472 completion"), `10${SPACE}506 = 10${SPACE}034 prompt + 472 completion`);
  assert.equal(grouped("min 500, max 9000 ms (2x)"), whole(`min 500, max 9${SPACE}000 ms (2x)`));
  assert.equal(grouped("$0.0261 of $1234.5678"), `$0.0261 of $1${SPACE}234.5678`);
});

test("a length is said as the command line says it", () => {
  assert.equal(length(59.94), whole("59.9 s"));
  assert.equal(length(60), whole("1 min 00 s"));
  assert.equal(length(119.6), whole("2 min 00 s"));
  assert.equal(length(7384), whole("2 h 03 min"));
});

test("a moment within a call is as on a clock", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(61.9), "1:01");
});

test("an id is cut where a person would, and a short one is whole", () => {
  assert.equal(short("9f86d081-884c-4d65-9a2f-eaa0c55ad015"), "9f86d081…");
  assert.equal(short("restaurant-bot-call-17"), "restaurant-b…");
  assert.equal(short("a-short-call"), "a-short-call");
  assert.equal(short("📞".repeat(14)), `${"📞".repeat(12)}…`);
});

test("a median is the middle, or between the two in the middle", () => {
  assert.equal(median([]), null);
  assert.equal(median([3]), 3);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 2, 5]), 3.5);
});

test("one of a thing has no plural, none has", () => {
  assert.deepEqual([0, 1, 2].map((number) => plural(number, "call")), ["0 calls", "1 call", "2 calls"]);
});

test("a part that Pipecat invents tomorrow keeps its own name", () => {
  assert.equal(named("llm_inference"), "Language model");
  assert.equal(named("warp_drive"), "warp drive");
  assert.equal(named(null), "other");
});
