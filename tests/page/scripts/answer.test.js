import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Unreachable, ask } from "./answer.js";

const network = globalThis.fetch;
afterEach(() => { globalThis.fetch = network; });

function answers(text, type = "application/json; charset=utf-8") {
  const asked = [];
  globalThis.fetch = async (address) => {
    asked.push(address);
    return { text: async () => text, headers: new Map([["Content-Type", type]]) };
  };
  return asked;
}

test("a question is written without what was not filled in", async () => {
  const asked = answers("{}");
  await ask("calls", { order: "cost_usd", model: "", limit: undefined, end_reason: "a&b" }, new AbortController().signal);
  assert.deepEqual(asked, ["/api/calls?order=cost_usd&end_reason=a%26b"]);
});

test("an answer is data and the text that it came as", async () => {
  answers('{"calls":[]}');
  const answer = await ask("calls", {}, new AbortController().signal);
  assert.deepEqual(answer, { text: '{"calls":[]}', data: { calls: [] } });
});

test("another server at this address is none", async () => {
  answers("<html>", "text/html");
  await assert.rejects(ask("now", {}, new AbortController().signal), Unreachable);
});

test("a lost server is distinct from a cancelled question", async () => {
  globalThis.fetch = async () => { throw new TypeError("refused"); };
  await assert.rejects(ask("now", {}, new AbortController().signal), Unreachable);
  const asking = new AbortController();
  asking.abort();
  globalThis.fetch = async () => { throw asking.signal.reason; };
  await assert.rejects(ask("now", {}, asking.signal), { name: "AbortError" });
});
