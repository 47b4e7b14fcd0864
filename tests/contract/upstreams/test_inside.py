"""Upstreams that are code of the gateway itself: custom providers, and Replicate, which is asked again and again."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import Gateway, events, eventually
from tests.fakes.vendors import Vendors, plain

ASK = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "one two three"}]
PRICE = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CODE = """
import asyncio
from neighbour import WORDS

class Refused(Exception):
    status_code = 429

class Modern:
    async def acompletion(self, *args, **kwargs):
        if kwargs["optional_params"].get("seed") == 1:
            raise Refused("slow down")
        if kwargs["optional_params"].get("seed") == 2:
            raise ValueError("oops")
        if kwargs["optional_params"].get("seed") == 3:
            return 7
        if kwargs["optional_params"].get("seed") == 4:
            await asyncio.sleep(600)
        found = kwargs["model_response"]
        found.choices[0].message.content = f"{WORDS} {kwargs['model']} {kwargs['messages'][-1]['content']}"
        found.usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return found

    async def astreaming(self, model, messages, optional_params, **kwargs):
        yield {"text": "a ", "is_finished": False, "index": 0, "finish_reason": "", "tool_use": None, "usage": None}
        if optional_params.get("seed") == 5:
            raise Refused("in the middle")
        yield {"text": "b", "is_finished": True, "finish_reason": "stop", "index": 0, "tool_use": None,
               "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}

    async def aembedding(self, model, input, **kwargs):
        return {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3}}

    async def aimage_generation(self, model, prompt, optional_params, **kwargs):
        if prompt == "nothing":
            return "no picture"
        return {"data": [{"url": f"https://x.example/{model}/{prompt}/{optional_params['size']}"}]}

class Plain:
    def completion(self, **kwargs):
        return "hello"

modern, plain, nothing = Modern(), Plain(), object()
"""


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("inside")
    (folder / "handlers.py").write_text(CODE)
    (folder / "neighbour.py").write_text('WORDS = "from here:"')
    replicate = {"api_base": f"{vendors.url}/v1", "api_key": "r8_secret"}
    listed = {
        "modern": {"model": "mine/m-1", **PRICE},
        "plain": {"model": "plain-one/m-2"},
        "broken": {"model": "broken/m"},
        "absent": {"model": "absent/m"},
        "replicate": {"model": "replicate/meta/llama", **replicate},
    }
    customs = {"mine": "handlers.modern", "plain-one": "handlers.plain", "broken": "handlers.nothing"}
    config = {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in listed.items()],
        "litellm_settings": {
            "custom_provider_map": [{"provider": name, "custom_handler": path} for name, path in customs.items()]
        },
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, folder, edge=edge) as running:
        yield running


def ask(gateway: Gateway, model: str, **more: Any) -> Any:
    return gateway.chat({"model": model, "messages": ASK, **more})


class TestCustom:
    def test_whole_answers(self, gateway: Gateway) -> None:
        answer = ask(gateway, "modern")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["choices"][0]["message"]["content"] == "from here: m-1 one two three"
        assert (found["model"], found["usage"]) == ("modern", USAGE)
        assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(7e-6)
        assert ask(gateway, "plain").json()["choices"][0]["message"]["content"] == "hello"

    @pytest.mark.parametrize(("model", "text"), [("modern", "a b"), ("plain", "hello")])
    def test_streams(self, gateway: Gateway, model: str, text: str) -> None:
        *found, last = events(ask(gateway, model, stream=True, stream_options={"include_usage": True}).text)
        assert last == "[DONE]"
        choices = [choice for chunk in found for choice in chunk["choices"]]
        assert "".join(choice["delta"].get("content") or "" for choice in choices) == text
        assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
        assert model == "plain" or found[-1]["usage"] == USAGE

    def test_embeddings(self, gateway: Gateway) -> None:
        found = gateway.post("/v1/embeddings", {"model": "modern", "input": "x"})
        assert found.json()["data"][0]["embedding"] == [1.0]

    def test_pictures(self, gateway: Gateway) -> None:
        ask = {"model": "modern", "prompt": "fox", "size": "512x512"}
        found = gateway.post("/v1/images/generations", ask)
        assert found.json()["data"] == [{"url": "https://x.example/m-1/fox/512x512"}]
        refused = gateway.post("/v1/images/generations", {**ask, "prompt": "nothing"})
        assert (refused.status_code, "gave a str" in refused.text) == (500, True)

    @pytest.mark.parametrize(
        ("seed", "status", "says"), [(1, 429, "slow down"), (2, 500, "ValueError: oops"), (3, 500, "gave a int")]
    )
    def test_what_it_raises(self, gateway: Gateway, seed: int, status: int, says: str) -> None:
        answer = ask(gateway, "modern", seed=seed)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text

    def test_what_it_raises_in_a_stream(self, gateway: Gateway) -> None:
        *_, last = events(ask(gateway, "modern", seed=5, stream=True).text)
        assert "in the middle" in last["error"]["message"]

    def test_who_leaves_ends_the_call(self, gateway: Gateway) -> None:
        def counted(family: str, what: str) -> bool:
            lines = gateway.client.get("/metrics").text.splitlines()
            return any(line.startswith(family) and 'model="modern"' in line and what in line for line in lines)

        with gateway.connect() as client:
            body = b'{"model":"modern","seed":4,"messages":[{"role":"user","content":"x"}]}'
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
            client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            eventually(lambda: counted("tianji_in_flight_requests", " 1"), "the call is under way")

        eventually(lambda: counted("tianji_requests_total", 'status="499"'), "the call is given up")

    def test_what_cannot_be_used_is_left_out_and_said(self, gateway: Gateway) -> None:
        assert {"broken", "absent"} & set(gateway.models()) == set()
        assert "custom_handler handlers.nothing has none of" in gateway.log

    def test_the_database_cannot_name_it(self, gateway: Gateway) -> None:
        answer = gateway.post("/model/new", {"model_name": "x", "litellm_params": {"model": "mine/m"}})
        assert answer.status_code >= 400


def prediction(url: str, status: str, output: Any = None, **more: Any) -> Any:
    where = {"get": f"{url}/v1/predictions/p"}
    return plain({"id": "p", "status": status, "output": output, "urls": where, **more}, 201 if output is None else 200)


class TestReplicate:
    PATH = "/v1/models/meta/llama/predictions"

    def test_it_is_asked_until_it_is_done(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say(self.PATH, prediction(vendors.url, "starting"))
        vendors.say("/v1/predictions/p", prediction(vendors.url, "succeeded", ["a ", "b"]))
        answer = ask(gateway, "replicate", max_tokens=5)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == "a b"
        sent = vendors.last(self.PATH)
        assert sent.headers["authorization"] == "Bearer r8_secret"
        assert sent.json == {
            "input": {"prompt": "one two three", "system_prompt": "be kind", "max_tokens": 5, "max_new_tokens": 5}
        }
        assert vendors.last("/v1/predictions/p").headers["authorization"] == "Bearer r8_secret"

    def test_a_stream_says_what_it_has_grown_by(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say(self.PATH, prediction(vendors.url, "processing", ["a "]))
        vendors.say("/v1/predictions/p", prediction(vendors.url, "succeeded", ["a ", "b"]))
        *found, last = events(ask(gateway, "replicate", stream=True).text)
        assert last == "[DONE]"
        said = [choice["delta"].get("content") for chunk in found for choice in chunk["choices"]]
        assert [piece for piece in said if piece] == ["a ", "b"]

    def test_errors(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say(self.PATH, plain({"detail": "You do not have enough credit"}, 402))
        answer = ask(gateway, "replicate")
        assert (answer.status_code, "enough credit" in answer.text) == (402, True)
        vendors.say(self.PATH, prediction(vendors.url, "failed", error="input is too long"))
        answer = ask(gateway, "replicate")
        assert (answer.status_code, "input is too long" in answer.text) == (500, True)
        vendors.say(self.PATH, plain([]))
        assert ask(gateway, "replicate").status_code == 502
        elsewhere = {"get": "http://elsewhere.example/p"}
        vendors.say(self.PATH, plain({"status": "starting", "urls": elsewhere}))
        assert ask(gateway, "replicate").status_code == 502
        image = [{"type": "image_url", "image_url": {"url": "data:,"}}]
        answer = gateway.chat({"model": "replicate", "messages": [{"role": "user", "content": image}]})
        assert answer.status_code == 400
