import assert from "node:assert/strict";
import { test } from "node:test";

import { value } from "./measurements.js";

// The expected texts with their units unbroken.
const whole = (text) => text.replace(/(\d) (ms|s)\b/g, "$1\u00a0$2");

for (const [kind, number, text] of [
  ["ttfb", 0.408, "408 ms"],
  ["set_up", 0.054, "54 ms"],
  ["interruption_stop", 0.231, "231 ms"],
  ["turn", 2.1, "2.1 s"],
  ["silence", 6.6, "6.6 s"],
  ["greeting", 0.174, "174 ms"],
  ["bot_gap", 0.4, "400 ms"],
  ["loop_stall", 0.75, "750 ms"],
  ["characters", 21, "21"],
  ["prompt_tokens", 204, "204"],
  ["reasoning_tokens", 0, "0"],
  ["interruption", null, "–"],
]) {
  test(`the value of ${kind} has its unit`, () => assert.equal(value({ kind, value: number, value_text: null }), whole(text)));
}

test("a cost is said by the server", () => {
  assert.equal(value({ kind: "cost_usd", value: 0.0003, value_text: "$0.0003" }), "$0.0003");
});
