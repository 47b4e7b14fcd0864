// OpenAI's client: chat and responses, on upstreams of three forms.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { ASK, CLAUDE, GATEWAY, GEMINI, GPT, KEY, RESPONSES, WEATHER, callsWeather, control, last, words } from "./world.mjs";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 0 });
const Said = z.object({ word: z.string(), count: z.number().int() });
const tools = [{ type: "function", function: { name: "weather", parameters: WEATHER } }];
const flat = [{ type: "function", name: "weather", parameters: WEATHER, strict: true }];

for (const model of [GPT, CLAUDE, GEMINI]) {
  test(`chat with ${model}, plain and streamed`, async () => {
    const plain = await client.chat.completions.create({ model, messages: ASK });
    const streamed = await client.chat.completions
      .stream({ model, messages: ASK, stream_options: { include_usage: true } })
      .finalChatCompletion();
    assert.equal(plain.choices[0].message.content, streamed.choices[0].message.content);
    assert.equal(words(plain.choices[0].message.content), 32);
    assert.equal(plain.usage.completion_tokens, 32);
    assert.equal(streamed.usage.completion_tokens, 32);
  });

  test(`chat with ${model}, a loop of tools that runs by itself`, async () => {
    await callsWeather();
    const asked = [];
    const weather = ({ city }) => (asked.push(city), "wet");
    const able = [{ type: "function", function: { name: "weather", parameters: WEATHER, function: weather, parse: JSON.parse } }];
    const runner = client.chat.completions.runTools({ model, messages: ASK, tools: able, stream: true });
    assert.equal(words(await runner.finalContent()), 32);
    assert.deepEqual(asked, ["Oslo"]);
    assert.match((await last()).body, /wet/);
  });

  test(`chat with ${model}, structured`, async () => {
    const response_format = zodResponseFormat(Said, "said");
    const found = await client.chat.completions.parse({ model, messages: ASK, response_format });
    assert.equal(typeof found.choices[0].message.parsed.count, "number");
  });

  for (const [status, kind] of [[400, OpenAI.BadRequestError], [429, OpenAI.RateLimitError]]) {
    test(`chat with ${model}, error ${status}`, async () => {
      await control({ status, retry_after: "7" });
      await assert.rejects(client.chat.completions.create({ model, messages: ASK }), (error) => {
        assert(error instanceof kind);
        assert.equal(error.headers.get("retry-after"), "7");
        return true;
      });
    });
  }
}

for (const model of [RESPONSES, GPT, CLAUDE]) {
  test(`responses with ${model}, plain and streamed`, async () => {
    const plain = await client.responses.create({ model, input: "one two three" });
    const streamed = await client.responses.stream({ model, input: "one two three" }).finalResponse();
    assert.equal(plain.output_text, streamed.output_text);
    assert.equal(words(plain.output_text), 32);
  });

  test(`responses with ${model}, a loop of tools`, async () => {
    await callsWeather();
    const first = await client.responses.stream({ model, input: ASK, tools: flat }).finalResponse();
    const call = first.output.find((item) => item.type === "function_call");
    assert.deepEqual(JSON.parse(call.arguments), { city: "Oslo" });
    const result = { type: "function_call_output", call_id: call.call_id, output: "wet" };
    const second = await client.responses.create({ model, input: [...ASK, ...first.output, result], tools: flat });
    assert.equal(words(second.output_text), 32);
    assert.match((await last()).body, /wet/);
  });

  test(`responses with ${model}, structured`, async () => {
    const found = await client.responses.parse({ model, input: ASK, text: { format: zodTextFormat(Said, "said") } });
    assert.equal(typeof found.output_parsed.count, "number");
  });

  test(`responses with ${model}, an error`, async () => {
    await control({ status: 429 });
    await assert.rejects(client.responses.create({ model, input: ASK }), OpenAI.RateLimitError);
  });
}

test("embeddings", async () => {
  const found = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
  assert.equal(found.data.length, 2);
});
