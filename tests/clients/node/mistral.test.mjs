// Mistral's client, whose models of answers are strict.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Mistral } from "@mistralai/mistralai";
import { z } from "zod";

import { ASK, CLAUDE, GATEWAY, GEMINI, GPT, KEY, WEATHER, callsWeather, collect, control, last, words } from "./world.mjs";

const client = new Mistral({ apiKey: KEY, serverURL: GATEWAY, retryConfig: { strategy: "none" } });
const tools = [{ type: "function", function: { name: "weather", parameters: WEATHER } }];

for (const model of [GPT, CLAUDE, GEMINI]) {
  test(`${model}, plain and streamed`, async () => {
    const ask = { model, messages: ASK, maxTokens: 6 };
    const plain = await client.chat.complete(ask);
    const choices = (await collect(await client.chat.stream(ask))).flatMap((event) => event.data.choices);
    assert.equal(choices.map((choice) => choice.delta.content ?? "").join(""), plain.choices[0].message.content);
    assert.equal(words(plain.choices[0].message.content), 6);
    assert.deepEqual([...new Set(choices.map((choice) => choice.finishReason))], [null, "length"]);
  });

  test(`${model}, a loop of tools`, async () => {
    await callsWeather();
    const first = (await client.chat.complete({ model, messages: ASK, tools })).choices[0].message;
    const [call] = first.toolCalls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Oslo" });
    const messages = [...ASK, first, { role: "tool", toolCallId: call.id, name: "weather", content: "wet" }];
    const second = await client.chat.complete({ model, messages, tools });
    assert.equal(words(second.choices[0].message.content), 32);
    assert.match((await last()).body, /wet/);
  });

  test(`${model}, structured`, async () => {
    const responseFormat = z.object({ word: z.string() });
    const found = await client.chat.parse({ model, messages: ASK, responseFormat });
    assert.equal(typeof found.choices[0].message.parsed.word, "string");
  });

  test(`${model}, an error`, async () => {
    await control({ status: 429 });
    await assert.rejects(client.chat.complete({ model, messages: ASK }), (error) => error.statusCode === 429);
  });
}
