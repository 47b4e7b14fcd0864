// What the tests share: where gateway and mock are, what the models are called, and what is asked of them.
import { beforeEach } from "node:test";

export const { GATEWAY, MOCK, KEY } = process.env;
export const [GPT, CLAUDE, GEMINI, RESPONSES] = process.env.MODELS.split(" ");
export const ASK = [{ role: "user", content: "one two three" }];
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

export const control = async (faults, rule = {}) => {
  const body = JSON.stringify({ faults, ...rule });
  const answer = await fetch(`${MOCK}/mock/control`, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
};
export const callsWeather = () => control({ call: { name: "weather", arguments: { city: "Oslo" } } }, { times: 1 });
export const last = async () => (await (await fetch(`${MOCK}/mock/requests`)).json()).at(-1);
export const words = (text) => text.split(" ").length;
export const collect = async (stream) => {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
};

beforeEach(async () => {
  await fetch(`${MOCK}/mock/control`, { method: "DELETE" });
  await fetch(`${MOCK}/mock/requests`, { method: "DELETE" });
});
