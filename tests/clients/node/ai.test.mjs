// Vercel's `ai` with its adapters for OpenAI (responses and chat), for what is like OpenAI, and for Anthropic.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { CLAUDE, GATEWAY, GEMINI, GPT, KEY, RESPONSES, callsWeather, collect, control, last, words } from "./world.mjs";

const baseURL = `${GATEWAY}/v1`;
const openai = createOpenAI({ baseURL, apiKey: KEY });
const like = createOpenAICompatible({
  name: "tianji",
  baseURL,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL, apiKey: KEY });
const adapters = { responses: openai.responses, chat: openai.chat, like, anthropic };
const prompt = "one two three";

for (const [adapter, of] of Object.entries(adapters)) {
  for (const id of [GPT, CLAUDE, GEMINI, RESPONSES]) {
    const name = `${adapter} ${id}`;
    const ask = { model: of(id), prompt, maxRetries: 0 };

    test(`${name}, plain and streamed`, async () => {
      const plain = await generateText(ask);
      const streamed = streamText(ask);
      assert.equal((await collect(streamed.textStream)).join(""), plain.text);
      assert.equal(words(plain.text), 32);
      assert.equal(plain.usage.outputTokens, 32);
      assert.equal((await streamed.usage).outputTokens, 32);
      assert.equal(await streamed.finishReason, "stop");
    });

    test(`${name}, a loop of tools`, async () => {
      await callsWeather();
      const asked = [];
      const weather = tool({
        description: "says it",
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => (asked.push(city), "wet"),
      });
      const found = streamText({ ...ask, tools: { weather }, stopWhen: stepCountIs(3) });
      assert.equal(words(await found.text), 32);
      assert.deepEqual(asked, ["Oslo"]);
      assert.match((await last()).body, /wet/);
    });

    test(`${name}, structured`, async () => {
      const output = Output.object({ schema: z.object({ word: z.string() }) });
      assert.equal(typeof (await generateText({ ...ask, output })).output.word, "string");
    });

    test(`${name}, errors`, async () => {
      for (const status of [400, 429]) {
        await control({ status }, { times: 1 });
        await assert.rejects(generateText(ask), (error) => {
          assert(APICallError.isInstance(error));
          assert.equal(error.statusCode, status);
          assert.match(error.message, /Mock fault/);
          return true;
        });
      }
    });
  }
}
