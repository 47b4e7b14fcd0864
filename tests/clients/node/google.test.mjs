// Google's client, by both versions of its API, on upstreams of three forms.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";

import { CLAUDE, GATEWAY, GEMINI, GPT, KEY, callsWeather, collect, control, last, words } from "./world.mjs";

const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "weather", description: "says it", parameters }] }];

for (const apiVersion of ["v1beta", "v1"]) {
  const client = new GoogleGenAI({ apiKey: KEY, vertexai: false, httpOptions: { baseUrl: GATEWAY, apiVersion } });
  for (const model of [GEMINI, GPT, CLAUDE]) {
    const name = `${apiVersion} ${model}`;

    test(`${name}, plain and streamed`, async () => {
      const ask = { model, contents: "one two three", config: { maxOutputTokens: 6 } };
      const plain = await client.models.generateContent(ask);
      const chunks = await collect(await client.models.generateContentStream(ask));
      assert.equal(chunks.map((chunk) => chunk.text ?? "").join(""), plain.text);
      assert.equal(words(plain.text), 6);
      assert.equal(chunks.at(-1).candidates[0].finishReason, "MAX_TOKENS");
      assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 6);
    });

    test(`${name}, a loop of tools`, async () => {
      await callsWeather();
      const chat = client.chats.create({ model, config: { tools } });
      const first = await collect(await chat.sendMessageStream({ message: "one two three" }));
      const call = first.flatMap((chunk) => chunk.functionCalls ?? [])[0];
      assert.deepEqual([call.name, call.args], ["weather", { city: "Oslo" }]);
      const result = { functionResponse: { id: call.id, name: call.name, response: { output: "wet" } } };
      assert.equal(words((await chat.sendMessage({ message: [result] })).text), 32);
      assert.match((await last()).body, /wet/);
    });

    test(`${name}, a call that has to be made`, async () => {
      const config = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } };
      const found = await client.models.generateContent({ model, contents: "one", config });
      assert.equal(found.functionCalls[0].name, "weather");
    });

    test(`${name}, structured`, async () => {
      const config = { responseMimeType: "application/json", responseSchema: parameters };
      const found = await client.models.generateContent({ model, contents: "one", config });
      assert.equal(typeof JSON.parse(found.text).city, "string");
    });

    test(`${name}, errors`, async () => {
      for (const status of [400, 429]) {
        await control({ status }, { times: 1 });
        await assert.rejects(client.models.generateContent({ model, contents: "one" }), (error) => {
          assert(error instanceof ApiError);
          assert.equal(error.status, status);
          assert.match(error.message, status === 429 ? /RESOURCE_EXHAUSTED/ : /INVALID_ARGUMENT/);
          return true;
        });
      }
    });

    test(`${name}, tokens`, async () => {
      assert((await client.models.countTokens({ model, contents: "one two three" })).totalTokens > 2);
    });
  }

  test(`${apiVersion}, embeddings`, async () => {
    const found = await client.models.embedContent({ model: "gemini-embedding-001", contents: ["one", "two"] });
    assert.equal(found.embeddings.length, 2);
  });
}
