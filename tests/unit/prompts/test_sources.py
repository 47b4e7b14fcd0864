"""Where prompts come from: what each source is asked, and what becomes of its answer."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tianji.egress.errands import Answer
from tianji.errors import ConfigurationError, ObjectNotFound, UpstreamFailure
from tianji.lazy import load
from tianji.prompts.naming import Wanted
from tianji.prompts.source import Given
from tianji.prompts.sources import SOURCES
from tianji.prompts.template import Filled

FILE = "---\nmodel: gpt-test\ntemperature: 0.3\ntools: [x]\n---\nSystem: brief\nUser: {{ what }}"
SAID = [{"role": "system", "content": "brief"}, {"role": "user", "content": "hello"}]


class Vendor:
    """Answers by path, and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, tuple[int, Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> Answer:
        assert body is None
        self.asked.append((method, url, headers))
        status, said = self.answers.get(url, (404, {}))
        return Answer(status, "", said.encode() if isinstance(said, str) else json.dumps(said).encode())


def source(kind: str, vendor: Vendor, params: Mapping[str, Any], folder: Path = Path(), **environ: str) -> Any:
    return load(SOURCES[kind]).build(Given(f"prompts of {kind}", params, environ, vendor, folder))


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


BITBUCKET = {"workspace": "our place", "repository": "prompts", "access_token": "t0ken"}
BITBUCKET_URL = "https://api.bitbucket.org/2.0/repositories/our%20place/prompts/src/main/greet.prompt"
GITLAB = {"project": "group/prompts", "access_token": "glpat", "prompts_path": "/p/"}
GITLAB_URL = "https://gitlab.com/api/v4/projects/group%2Fprompts/repository/files/p%2Fa%2Fgreet.v2.prompt"


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        (BITBUCKET, {"authorization": "Bearer t0ken"}),
        (BITBUCKET | {"auth_method": "basic", "username": "me"}, {"authorization": basic("me:t0ken")}),
        (BITBUCKET | {"username": "me", "app_password": "pw"}, {"authorization": basic("me:pw")}),
    ],
)
async def test_bitbucket(params: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    vendor = Vendor({BITBUCKET_URL: (200, FILE)})
    found = await source("bitbucket", vendor, params).fetch(Wanted("greet"))
    assert vendor.asked == [("GET", BITBUCKET_URL, headers)]
    # who may push there does not say what else a request has
    assert found.fill({"what": "hello"}) == Filled(SAID, "gpt-test", {"temperature": 0.3})


async def test_bitbucket_elsewhere() -> None:
    vendor = Vendor({"http://127.0.0.1:1/repositories/our%20place/prompts/src/a%2Fb/greet.prompt": (200, FILE)})
    params = BITBUCKET | {"base_url": "http://127.0.0.1:1/", "branch": "a/b"}
    await source("bitbucket", vendor, params).fetch(Wanted("greet"))


@pytest.mark.parametrize(("how", "header"), [("token", "private-token"), ("oauth", "authorization")])
async def test_gitlab(how: str, header: str) -> None:
    vendor = Vendor({f"{GITLAB_URL}/raw?ref=v1": (200, FILE)})
    found = await source("gitlab", vendor, GITLAB | {"tag": "v1", "auth_method": how}).fetch(
        Wanted("gitlab::a::greet", 2)
    )
    assert found.fill({"what": "hello"}).messages == SAID
    assert header in vendor.asked[0][2]


async def test_gitlab_says_a_file_in_base64_where_it_has_none_raw() -> None:
    content = base64.b64encode(FILE.encode()).decode()
    vendor = Vendor({f"{GITLAB_URL}?ref=main": (200, {"content": content})})
    found = await source("gitlab", vendor, GITLAB).fetch(Wanted("a/greet", 2))
    assert found.fill({"what": "hello"}).messages == SAID


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        ("be brief, {{what}} {{ other }}", [{"role": "system", "content": "be brief, hello {{ other }}"}]),
        (
            [{"type": "message", "role": "system", "content": "brief"}, {"role": "user", "content": "{{what}}"}],
            SAID,
        ),
    ],
)
async def test_langfuse(prompt: Any, messages: list[dict[str, Any]]) -> None:
    url = "https://lf.example/api/public/v2/prompts/jokes%2Fmine?version=3"
    told = {"type": "chat", "prompt": prompt, "config": {"model": "gpt-test", "top_p": 0.1}}
    vendor = Vendor({url: (200, told), "https://lf.example/api/public/v2/prompts/jokes?label=latest": (200, told)})
    environ = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_HOST": "https://lf.example/"}
    one = source("langfuse", vendor, {}, **environ)
    found = await one.fetch(Wanted("jokes/mine", 3))
    assert found.fill({"what": "hello"}) == Filled(messages, "gpt-test", {"top_p": 0.1})
    assert vendor.asked[0][2] == {"authorization": basic("pk:sk")}
    assert await one.fetch(Wanted("jokes", label="latest")) == found
    assert one.fresh == 60


@pytest.mark.parametrize(
    "template", [SAID[1] | {"content": "{{what}}"}, [SAID[0], {"role": "user", "content": "{{what}}"}]]
)
async def test_humanloop(template: Any) -> None:
    url = "https://api.humanloop.com/v5/prompts/pr_1"
    told = {"template": template, "model": "gpt-test", "temperature": 0.5, "provider": "openai", "seed": None}
    vendor = Vendor({url: (200, told)})
    found = await source("humanloop", vendor, {}, HUMANLOOP_API_KEY="hl").fetch(Wanted("pr_1"))
    assert found.fill({"what": "hello"}) == Filled(
        SAID if isinstance(template, list) else SAID[1:], "gpt-test", {"temperature": 0.5}
    )
    assert vendor.asked == [("GET", url, {"x-api-key": "hl"})]


async def test_generic() -> None:
    url = "http://own.example/beta/litellm_prompt_management?project=p&prompt_id=greet&prompt_version=2"
    told = {
        "prompt_id": "greet",
        "prompt_template": [SAID[0], {"role": "user", "content": "{{what}} {what} {else}"}],
        "prompt_template_model": "gpt-test",
        "prompt_template_optional_params": {"n": 2},
    }
    vendor = Vendor({url: (200, told)})
    params = {"api_base": "own.example/", "api_key": "k", "provider_specific_query_params": {"project": "p"}}
    found = await source("generic_prompt_management", vendor, params).fetch(Wanted("greet", 2))
    said = [SAID[0], {"role": "user", "content": "hello hello {else}"}]
    assert found.fill({"what": "hello"}) == Filled(said, "gpt-test", {"n": 2})
    assert vendor.asked[0][2] == {"authorization": "Bearer k"}


async def test_phoenix() -> None:
    url = "https://app.phoenix.arize.com/s/us/v1/prompt_versions/abc"
    told = {
        "data": {
            "model_name": "gpt-test",
            "template_format": "MUSTACHE",
            "template": {
                "type": "chat",
                "messages": [SAID[0], {"role": "user", "content": [{"type": "text", "text": "{{what}}"}]}],
            },
            "invocation_parameters": {"type": "openai", "openai": {"temperature": 0.1}},
        }
    }
    vendor = Vendor({url: (200, told)})
    params = {"api_base": "https://app.phoenix.arize.com/s/us", "api_key": "k"}
    found = await source("arize_phoenix", vendor, params).fetch(Wanted("abc"))
    assert found.fill({"what": "hello"}) == Filled(SAID, "gpt-test", {"temperature": 0.1})


async def test_files_of_a_folder(tmp_path: Path) -> None:
    for name, text in (
        ("greet", "plain"),
        ("greet.v2", "second"),
        ("is_valid", "judge"),
        ("new_v3", "third"),
        ("bad", "{{"),
    ):
        (tmp_path / f"{name}.prompt").write_text(text)
    one = await asyncio.to_thread(source, "dotprompt", Vendor({}), {"prompt_directory": "."}, tmp_path)

    async def text(*wanted: Any) -> str:
        found: str = (await one.fetch(Wanted(*wanted))).fill({}).messages[0]["content"]
        return found

    assert [await text("greet"), await text("greet", 2), await text("is_valid"), await text("new")] == [
        "plain", "second", "judge", "third",
    ]  # fmt: skip
    for wanted in (Wanted("bad"), Wanted("greet", 9), Wanted("../greet")):
        with pytest.raises(ObjectNotFound):
            await one.fetch(wanted)


@pytest.mark.parametrize(
    "params",
    [
        {"dotprompt_content": FILE},
        {"prompt_file": "one.prompt"},
        {"prompt_data": {"content": "System: brief\nUser: {{what}}", "metadata": {}}},
        {
            "prompt_data": {"other": {"content": "no"}, "g": {"content": "System: brief\nUser: {{what}}"}},
            "prompt_id": "g",
        },
    ],
)
async def test_what_an_entry_holds(params: Mapping[str, Any], tmp_path: Path) -> None:
    (tmp_path / "one.prompt").write_text(FILE)
    found = await (await asyncio.to_thread(source, "dotprompt", Vendor({}), params, tmp_path)).fetch(Wanted("g"))
    assert found.fill({"what": "hello"}).messages == SAID


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("bitbucket", BITBUCKET | {"access_token": None}),
        ("gitlab", {"access_token": "x"}),
        ("langfuse", {}),
        ("humanloop", {}),
        ("generic_prompt_management", {}),
        ("arize_phoenix", {}),
        ("dotprompt", {}),
        ("dotprompt", {"prompt_directory": "nowhere"}),
        ("dotprompt", {"prompt_file": "nowhere"}),
        ("dotprompt", {"prompt_data": {"x": 3}}),
    ],
)
def test_what_is_missing_is_said(kind: str, params: Mapping[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prompt"):
        source(kind, Vendor({}), params, tmp_path)


@pytest.mark.parametrize(
    "kind", ["bitbucket", "gitlab", "langfuse", "humanloop", "generic_prompt_management", "arize_phoenix"]
)
@pytest.mark.parametrize(
    ("status", "said", "error"), [(404, "", ObjectNotFound), (500, "", UpstreamFailure), (200, "{{", UpstreamFailure)]
)
async def test_what_a_source_cannot_say(kind: str, status: int, said: str, error: type[Exception]) -> None:
    class Same(Vendor):
        async def __call__(self, *_: Any) -> Answer:  # type: ignore[override]
            return Answer(status, "", said.encode())

    params = {
        **BITBUCKET,
        **GITLAB,
        "langfuse_public_key": "a",
        "langfuse_secret": "b",
        "api_base": "x",
        "api_key": "k",
    }
    with pytest.raises(error):
        await source(kind, Same({}), params).fetch(Wanted("greet"))
