// Anthropic's client, on upstreams of three forms.
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

import { ASK, CLAUDE, GATEWAY, GEMINI, GPT, KEY, WEATHER, callsWeather, control, last, words } from "./world.mjs";

const client = new Anthropic({ baseURL: GATEWAY, apiKey: KEY, maxRetries: 0 });
const Said = z.object({ word: z.string(), count: z.number().int() });
const tools = [{ name: "weather", input_schema: WEATHER }];

for (const model of [CLAUDE, GPT, GEMINI]) {
  test(`${model}, plain and streamed`, async () => {
    const ask = { model, max_tokens: 6, messages: ASK };
    const plain = await client.messages.create(ask);
    const streamed = await client.messages.stream(ask).finalMessage();
    assert.equal(plain.content[0].text, streamed.content[0].text);
    assert.equal(words(plain.content[0].text), 6);
    assert.equal(plain.stop_reason, "max_tokens");
    assert.equal(streamed.stop_reason, "max_tokens");
    assert.equal(streamed.usage.output_tokens, 6);
  });

  test(`${model}, a loop of tools`, async () => {
    await callsWeather();
    const ask = { model, max_tokens: 99, tools };
    const first = await client.messages.stream({ ...ask, messages: ASK }).finalMessage();
    assert.equal(first.stop_reason, "tool_use");
    const call = first.content.find((block) => block.type === "tool_use");
    assert.deepEqual(call.input, { city: "Oslo" });
    const result = { type: "tool_result", tool_use_id: call.id, content: "wet" };
    const messages = [...ASK, { role: "assistant", content: first.content }, { role: "user", content: [result] }];
    const second = await client.messages.create({ ...ask, messages });
    assert.equal(second.content[0].type, "text");
    assert.match((await last()).body, /wet/);
  });

  test(`${model}, structured`, async () => {
    const found = await client.messages.parse({
      model,
      max_tokens: 99,
      messages: ASK,
      output_config: { format: zodOutputFormat(Said) },
    });
    assert.equal(typeof found.parsed_output.count, "number");
  });

  for (const [status, kind, type] of [
    [400, Anthropic.BadRequestError, "invalid_request_error"],
    [429, Anthropic.RateLimitError, "rate_limit_error"],
    [529, Anthropic.InternalServerError, "overloaded_error"],
  ]) {
    test(`${model}, error ${status}`, async () => {
      await control({ status, retry_after: "7" });
      await assert.rejects(client.messages.create({ model, max_tokens: 6, messages: ASK }), (error) => {
        assert(error instanceof kind);
        assert.equal(error.status, status);
        assert.equal(error.error.error.type, type);
        assert.equal(error.headers.get("retry-after"), "7");
        return true;
      });
    });
  }

  test(`${model}, tokens`, async () => {
    const { input_tokens } = await client.messages.countTokens({ model, messages: ASK });
    assert(input_tokens > 0);
  });
}
