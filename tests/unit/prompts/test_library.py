"""Which prompt a request gets, how long it is kept, and what the request becomes with it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tianji.config.schema import Config
from tianji.config.schema.sections import Prompt, PromptParams
from tianji.config.schema.settings import Settings
from tianji.errors import InvalidRequest, ObjectNotFound, UpstreamFailure
from tianji.prompts.applying import applied
from tianji.prompts.library import Found, Library
from tianji.prompts.naming import Wanted, parted, wanted
from tianji.prompts.shelf import MISSING, MOST, PATIENCE, Shelf
from tianji.prompts.source import Source
from tianji.prompts.template import Spoken, Template


def entry(name: str, text: str, environment: str | None = None, **params: Any) -> Prompt:
    how = PromptParams(prompt_integration="dotprompt", dotprompt_content=text, **params)
    return Prompt(prompt_id=name, litellm_params=how, environment=environment)


async def text(library: Library, name: str, *, version: object = None, environment: object = None) -> str:
    found = await library.find(wanted(name, version, None, environment), None)
    assert found is not None
    said: str = found.template.fill({}).messages[0]["content"]
    return said


@pytest.mark.parametrize(
    ("name", "base", "version"),
    [("greet", "greet", None), ("greet.v2", "greet", 2), ("greet_v13", "greet", 13), ("is_valid", "is_valid", None),
     ("a.v1.v2", "a.v1", 2), (".v2", ".v2", None), ("a.vx", "a.vx", None)],
)  # fmt: skip
def test_only_a_number_behind_a_name_is_a_version(name: str, base: str, version: int | None) -> None:
    assert parted(name) == (base, version)


async def test_the_highest_version_of_the_first_environment_is_meant() -> None:
    library = await asyncio.to_thread(
        Library,
        Config(
            prompts=(
                entry("greet.v1", "one"), entry("greet.v10", "ten"), entry("greet.v9", "nine"),
                entry("greet", "staged", "staging"), entry("other.v3", "odd", "zoo"), entry("other.v2", "ark", "ark"),
            )
        ),
        {},
        Path(),
    )  # fmt: skip
    assert not library.faults
    assert await text(library, "greet") == "staged"
    assert await text(library, "greet", environment="development") == "ten"
    assert await text(library, "greet", environment="development", version="9") == "nine"
    assert await text(library, "greet.v1", environment="development") == "one"
    assert await text(library, "other") == "ark"  # by name
    assert await library.find(Wanted("nobody"), None) is None
    assert await library.find(Wanted("greet", 7), None) is None


async def test_what_cannot_be_used_costs_itself_alone(tmp_path: Path) -> None:
    settings = Settings(global_prompt_directory="missing", global_gitlab_config={"project": "x"})
    prompts = (entry("bad", "{{"), entry("good", "fine"), entry("folder", "x", prompt_directory="."))
    library = await asyncio.to_thread(Library, Config(prompts=prompts, litellm_settings=settings), {}, tmp_path)
    assert len(library.faults) == 4
    assert await text(library, "good") == "fine"
    with pytest.raises(InvalidRequest, match="not configured"):
        await library.find(Wanted("bad"), "langfuse")


async def test_the_folder_is_asked_for_what_no_entry_has(tmp_path: Path) -> None:
    (tmp_path / "greet.prompt").write_text("of the folder")
    settings = Settings(global_prompt_directory=".")
    library = await asyncio.to_thread(
        Library, Config(prompts=(entry("mine", "own"),), litellm_settings=settings), {}, tmp_path
    )
    assert [await text(library, "mine"), await text(library, "greet")] == ["own", "of the folder"]
    with pytest.raises(ObjectNotFound):
        await library.find(Wanted("nobody"), None)


@pytest.mark.parametrize(
    ("version", "label"), [("x", None), (-1, None), (True, None), ([], None), (None, 3), ("1" * 10, None)]
)
def test_what_names_no_prompt_is_refused(version: object, label: object) -> None:
    with pytest.raises(InvalidRequest):
        wanted("greet", version, label, None)
    with pytest.raises(InvalidRequest):
        wanted(3, None, None, None)


# -- how long it is kept ----------------------------------------------------------------------------------------------


class Vendor:
    """Answers as it is told, when it is told."""

    def __init__(self) -> None:
        self.asked = 0
        self.says: Template | Exception = Spoken(({"role": "user", "content": "first"},))
        self.let = asyncio.Event()
        self.let.set()

    async def fetch(self, _wanted: Wanted) -> Template:
        self.asked += 1
        await self.let.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def now() -> list[float]:
    return [0.0]


async def quiet() -> None:
    """Let all tasks do what they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_who_want_a_prompt_wait_for_one_answer(now: list[float]) -> None:
    vendor, shelf = Vendor(), Shelf(lambda: now[0])
    vendor.let.clear()
    source = Source(vendor.fetch, 60)
    waiting = [asyncio.ensure_future(shelf.find("v", source, Wanted("a"))) for _ in range(5)]
    await quiet()
    waiting[0].cancel()  # who leaves ends it for nobody else
    await quiet()
    vendor.let.set()
    found = await asyncio.gather(*waiting[1:])
    assert found == [vendor.says] * 4
    assert vendor.asked == 1
    await shelf.find("v", source, Wanted("a", 2))  # another version is another prompt
    await shelf.find("w", source, Wanted("a"))  # and so is another source's
    assert vendor.asked == 3


async def test_an_old_prompt_is_used_while_a_new_one_is_fetched(now: list[float]) -> None:
    vendor, shelf = Vendor(), Shelf(lambda: now[0])
    source, first = Source(vendor.fetch, 60), vendor.says
    await shelf.find("v", source, Wanted("a"))
    now[0], vendor.says = 59, Spoken(())
    assert await shelf.find("v", source, Wanted("a")) == first
    assert vendor.asked == 1
    now[0] = 60
    assert await shelf.find("v", source, Wanted("a")) == first
    await quiet()
    assert await shelf.find("v", source, Wanted("a")) == vendor.says
    assert vendor.asked == 2


async def test_a_source_that_is_away_is_asked_now_and_then(now: list[float]) -> None:
    vendor, shelf = Vendor(), Shelf(lambda: now[0])
    source, first = Source(vendor.fetch, 60), vendor.says
    await shelf.find("v", source, Wanted("a"))
    now[0], vendor.says = 100, UpstreamFailure("away")
    for _ in range(3):
        assert await shelf.find("v", source, Wanted("a")) == first
        await quiet()
    assert vendor.asked == 2
    now[0] += PATIENCE
    await shelf.find("v", source, Wanted("a"))
    await quiet()
    assert vendor.asked == 3
    with pytest.raises(UpstreamFailure):
        await shelf.find("v", source, Wanted("never had"))


async def test_who_asks_for_what_is_missing_does_not_flood_the_source(now: list[float]) -> None:
    vendor, shelf = Vendor(), Shelf(lambda: now[0])
    source, vendor.says = Source(vendor.fetch, 60), ObjectNotFound("no")
    for _ in range(3):
        with pytest.raises(ObjectNotFound):
            await shelf.find("v", source, Wanted("a"))
    assert vendor.asked == 1
    now[0] = MISSING
    with pytest.raises(ObjectNotFound):
        await shelf.find("v", source, Wanted("a"))
    assert vendor.asked == 2


async def test_a_shelf_is_bounded(now: list[float]) -> None:
    vendor, shelf = Vendor(), Shelf(lambda: now[0])
    for number in range(MOST + 5):
        await shelf.find("v", Source(vendor.fetch), Wanted(str(number)))
    assert len(shelf._kept) == MOST
    await shelf.find("v", Source(vendor.fetch), Wanted(str(MOST)))
    assert vendor.asked == MOST + 5


# -- what a request becomes -------------------------------------------------------------------------------------------

TEMPLATE = Spoken(
    ({"role": "system", "content": "brief"}, {"role": "user", "content": "{{what}}"}), "gpt-4", {"max_tokens": 5}
)


def became(operation: str, body: dict[str, Any], **found: bool) -> dict[str, Any]:
    made = applied(
        operation, {**body, "prompt_id": "p", "prompt_variables": {"what": "hi"}}, Found(TEMPLATE, "langfuse", **found),
        TEMPLATE.fill({"what": "hi"}), Wanted("p", 2), {"what": "hi"},
    )  # fmt: skip
    tree: dict[str, Any] = json.loads(made)
    assert tree.pop("litellm_metadata")["prompt_management_metadata"] == {
        "prompt_id": "p", "prompt_variables": {"what": "hi"}, "prompt_integration": "langfuse", "prompt_version": 2,
    }  # fmt: skip
    assert not tree.keys() & {"prompt_id", "prompt_variables"}
    return tree


SYSTEM, USER, OWN = (
    {"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}, {"role": "user", "content": "own"},
)  # fmt: skip


def test_the_prompts_messages_come_first() -> None:
    assert became("chat", {"model": "m", "max_tokens": 9, "messages": [OWN]}) == {
        "model": "gpt-4", "max_tokens": 5, "messages": [SYSTEM, USER, OWN],
    }  # fmt: skip
    assert became("chat", {"model": "m", "max_tokens": 9}, keeps_model=True, keeps_params=True) == {
        "model": "m", "max_tokens": 9, "messages": [SYSTEM, USER],
    }  # fmt: skip
    assert became("responses", {"input": "own"}) == {
        "model": "gpt-4", "max_output_tokens": 5, "input": [SYSTEM, USER, OWN],
    }  # fmt: skip
    assert became("messages", {"system": "mine", "messages": [OWN]}) == {
        "model": "gpt-4", "max_tokens": 5, "messages": [USER, OWN],
        "system": [{"type": "text", "text": "brief"}, {"type": "text", "text": "mine"}],
    }  # fmt: skip
    assert became("completions", {"prompt": "own"})["prompt"] == "brief\nhi\nown"
    with pytest.raises(InvalidRequest):
        became("chat", {"messages": "text"})
