"""`guardrail: module.Class`: files as they are written for LiteLLM's proxy, called as it would call them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.guardrails.looking import OCCASION, answered, asked

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import Hook, Surroundings
from tianji.guardrails.vendors.custom_class import TYPE, ClassParams
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite, Unavailable

HOOKS = """
from typing import Any, Literal, Optional, Union

import litellm
from fastapi import HTTPException
from litellm._logging import verbose_proxy_logger
from litellm.caching.caching import DualCache
from litellm.integrations.custom_guardrail import CustomGuardrail
from litellm.proxy._types import UserAPIKeyAuth
from litellm.types.guardrails import GuardrailEventHooks
import helping


class Mine(CustomGuardrail):
    def __init__(self, word: str, **kwargs):
        self.word = word
        super().__init__(**kwargs)

    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: DualCache, data: dict, call_type: Literal["completion"]
    ) -> Optional[Union[Exception, str, dict]]:
        for message in data.get("messages", []):
            content = message.get("content")
            if isinstance(content, str):
                message["content"] = content.replace(self.word, helping.MASK)
                if "refuse" in content:
                    return "I will not"
                if "returned" in content:
                    return ValueError("returned")
                if "status" in content:
                    raise HTTPException(status_code=400, detail={"error": "by status", "violations": 2})
                if "plain" in content:
                    raise Exception("plainly")
                if "broken" in content:
                    raise KeyError(content)
                if "whose" in content:
                    caller = user_api_key_dict
                    raise ValueError(f"{caller.key_alias} {caller.nothing} {data['metadata']['a']}")
                if "limits" in content:
                    raise ValueError(helping.limits())
            else:
                content[-1]["text"] = "part"
        await cache.async_set_cache("seen", True)
        return data

    async def async_moderation_hook(self, data: dict, user_api_key_dict: UserAPIKeyAuth, call_type: str):
        if self.word in data["messages"][-1]["content"]:
            raise ValueError("Guardrail failed words")

    async def async_post_call_success_hook(self, data: dict, user_api_key_dict: UserAPIKeyAuth, response: Any):
        if isinstance(response, litellm.ModelResponse):
            for choice in response.choices:
                if isinstance(choice, litellm.Choices) and self.word in choice.message.content:
                    choice.message.content = choice.message.content.replace(self.word, "*")
        return response


class Uniform(CustomGuardrail):
    async def apply_guardrail(self, inputs, request_data, input_type, logging_obj=None):
        if input_type == "response":
            raise HTTPException(400, "not this")
        inputs["texts"] = [text.upper() for text in inputs["texts"]]
        return inputs


class Idle(CustomGuardrail):
    pass
"""
HELPING = """
import os
import resource

MASK = "****"


def limits():
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_CPU)
    found = [resource.getrlimit(kind)[0] for kind in kinds]
    return f"{found} {sorted(os.environ)}"
"""
Make = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(HOOKS)
    (tmp_path / "helping.py").write_text(HELPING)
    return tmp_path


@pytest.fixture
async def make(folder: Path) -> AsyncIterator[Make]:
    made: list[Any] = []

    async def of(handler: str, **settings: Any) -> Any:
        assert TYPE.service is not None
        params = ClassParams(handler=handler, settings={"guardrail_name": "mine", **settings}, timeout=7, memory=300)
        around = Surroundings(folder, {"PATH": os.environ["PATH"], "SECRET": "s3cret"})
        made.append(await asyncio.to_thread(TYPE.service, params, around))
        return made[-1]

    yield of
    for service in made:
        service.close()
    await asyncio.sleep(0)


def during() -> Any:
    return msgspec.structs.replace(OCCASION, hook=Hook.DURING_CALL)


async def test_hooks_are_called_with_what_they_name(make: Make) -> None:
    service = await make("mine.Mine", word="secret")
    occasion = msgspec.structs.replace(OCCASION, key_alias="ann", metadata={"a": 1})
    parts = Content(Direction.REQUEST, (Text("secret", "system"), Text("x", message=1), Text("y", message=1)))

    assert await service(asked("hi"), occasion) == Allow()
    assert await service(asked("a secret", "b"), occasion) == Rewrite({0: "a ****"})
    assert await service(parts, occasion) == Rewrite({0: "****", 2: "part"})
    assert await service(asked("refuse"), occasion) == Answer("I will not")
    assert await service(asked("returned"), occasion) == Block("returned", {"guardrail": "mine"})
    assert await service(asked("status"), occasion) == Block("by status", {"guardrail": "mine", "violations": 2})
    assert await service(asked("plain"), occasion) == Block("plainly", {"guardrail": "mine"})
    assert await service(asked("whose"), occasion) == Block("ann None 1", {"guardrail": "mine"})
    with pytest.raises(Unavailable, match=r"its code failed: KeyError$"):
        await service(asked("broken"), occasion)
    assert await service(asked("the secret"), during()) == Block("Guardrail failed words", {"guardrail": "mine"})
    assert await service(asked("hi"), during()) == Allow()
    assert await service(answered("a secret", "b"), occasion) == Rewrite({0: "a *"})


async def test_a_process_has_limits_and_no_secrets(make: Make) -> None:
    service = await make("mine.Mine", word="x")
    said = await service(asked("limits"), OCCASION)

    assert isinstance(said, Block)
    limits, _, names = said.reason.partition("] ")
    memory, core, seconds = (int(limit) for limit in limits.strip("[").split(","))
    assert (memory, core) == (300 << 20, 0)
    assert 7 < seconds < 15
    assert "'PATH'" in names
    assert "SECRET" not in names


async def test_a_uniform_check_goes_before_the_hooks(make: Make) -> None:
    service = await make("mine.Uniform")

    assert await service(asked("up", "UP"), OCCASION) == Rewrite({0: "UP"})
    assert await service(answered("up"), OCCASION) == Block("not this", {"guardrail": "mine"})


async def test_a_class_without_the_hook_lets_pass(make: Make) -> None:
    service = await make("mine.Idle")

    assert await service(asked("hi"), OCCASION) == Allow()
    assert await service(asked("hi"), during()) == Allow()
    assert await service(answered("hi"), OCCASION) == Allow()


async def test_what_the_class_cannot_be_made_of_is_said(make: Make) -> None:
    with pytest.raises(Unavailable, match="cannot be loaded: TypeError"):
        await (await make("mine.Mine"))(asked("hi"), OCCASION)


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        ("Mine", "put Mine.py beside"),
        ("other.Mine", "put other.py beside"),
        ("mine.Other", "mine.py defines no Other"),
        ("..mine.Mine", "beside the configuration"),
        ("inner.mine.Mine", "beside the configuration"),
        ("broken.Mine", "broken.py is no Python"),
    ],
)
def test_a_class_that_is_not_there_stops_the_start(handler: str, says: str, folder: Path) -> None:
    (folder / "broken.py").write_text("class (")
    (folder / "inner").symlink_to("/")
    assert TYPE.service is not None

    with pytest.raises(ConfigurationError, match=says):
        TYPE.service(ClassParams(handler=handler), Surroundings(folder))
