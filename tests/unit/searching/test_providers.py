"""Who searches: what each provider is asked, what its answer says, and what it costs."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.config.given import Given
from tianji.config.schema import Config
from tianji.config.schema.sections import SearchTool
from tianji.egress.errands import Answer
from tianji.errors import (
    ConfigurationError,
    InvalidRequest,
    MalformedJSON,
    ObjectNotFound,
    UpstreamConnectFailed,
    UpstreamFailure,
)
from tianji.lazy import load
from tianji.searching.provider import Provider
from tianji.searching.providers import PROVIDERS
from tianji.searching.query import MOST_QUERIES, Query, Result, read
from tianji.searching.tools import Tools

PAGE = ("A title", "https://a.example/page", "what it says")
ASKED = Query("walls", 3, ("a.example", "b.example"), "DE")


def provider(kind: str, **params: Any) -> Provider:
    usual = {"api_key": "k-canary", "engine_id": "cx", "login": "me", "password": "pw"}
    usual |= {"api_base": "http://own.example/"} if kind == "searxng" else {}
    if kind == "dataforseo":
        usual.pop("api_key")
    found: Provider = load(PROVIDERS[kind]).build(Given(kind, {**usual, **params}, {}))
    return found


BEARER = {"authorization": "Bearer k-canary"}
SITES = "walls (site:a.example OR site:b.example)"
POSTED = [
    (
        "tavily", "https://api.tavily.com/search", BEARER,
        {"query": "walls", "max_results": 3, "include_domains": ["a.example", "b.example"], "country": "de"},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "content": PAGE[2]}]},
    ),
    (
        "exa", "https://api.exa.ai/search", {"x-api-key": "k-canary"},
        {"query": "walls", "numResults": 3, "includeDomains": ["a.example", "b.example"], "userLocation": "DE",
         "contents": {"text": True}},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "text": None, "highlights": [PAGE[2]]}]},
    ),
    (
        "linkup", "https://api.linkup.so/v1/search", BEARER,
        {"q": "walls", "depth": "standard", "outputType": "searchResults", "maxResults": 3,
         "includeDomains": ["a.example", "b.example"]},
        {"results": [{"name": PAGE[0], "url": PAGE[1], "content": PAGE[2], "type": "text"}]},
    ),
    (
        "firecrawl", "https://api.firecrawl.dev/v2/search", BEARER, {"query": SITES, "limit": 3, "country": "DE"},
        {"success": True, "data": {"web": [{"title": PAGE[0], "url": PAGE[1], "description": PAGE[2]}]}},
    ),
    (
        "dataforseo", "https://api.dataforseo.com/v3/serp/google/organic/live/advanced",
        {"authorization": f"Basic {base64.b64encode(b'me:pw').decode()}"},
        [{"keyword": SITES, "depth": 3, "language_code": "en", "location_code": 2840}],
        {"tasks": [{"result": None}, {"result": [{"items": [
            {"type": "paid", "title": "an ad"},
            {"type": "organic", "title": PAGE[0], "url": PAGE[1], "description": PAGE[2]},
        ]}]}]},
    ),
    (
        "perplexity", "https://api.perplexity.ai/search", BEARER,
        {"query": "walls", "max_results": 3, "search_domain_filter": ["a.example", "b.example"], "country": "DE"},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "snippet": PAGE[2]}]},
    ),
    (
        "serper", "https://google.serper.dev/search", {"x-api-key": "k-canary"}, {"q": SITES, "num": 3, "gl": "de"},
        {"organic": [{"title": PAGE[0], "link": PAGE[1], "snippet": PAGE[2]}]},
    ),
    (
        "parallel_ai", "https://api.parallel.ai/v1/search", {"x-api-key": "k-canary"},
        {"objective": "walls", "search_queries": ["walls"], "advanced_settings": {
            "max_results": 3, "source_policy": {"include_domains": ["a.example", "b.example"]}, "location": "de"}},
        {"search_id": "s", "results": [{"title": PAGE[0], "url": PAGE[1], "excerpts": [PAGE[2]]}]},
    ),
    (
        "nimble", "https://sdk.nimbleway.com/v2/search", BEARER,
        {"query": "walls", "max_results": 3, "include_domains": ["a.example", "b.example"], "country": "DE"},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "description": PAGE[2], "content": "all of it"}]},
    ),
    (
        "fastcrw", "https://fastcrw.com/api/v1/search", BEARER,
        {"query": SITES, "limit": 3, "scrapeOptions": {"formats": ["markdown"], "onlyMainContent": True}},
        {"success": True, "data": [{"title": PAGE[0], "url": PAGE[1], "markdown": "", "description": PAGE[2]}]},
    ),
]  # fmt: skip
GOT = [
    (
        "tinyfish", "https://api.search.tinyfish.ai", {"x-api-key": "k-canary"}, {"query": SITES, "location": "DE"},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "snippet": PAGE[2], "position": 1}], "total_results": 1},
    ),
    (
        "apiserpent", "https://apiserpent.com/api/search/quick", {"x-api-key": "k-canary"},
        {"q": SITES, "num": "3", "country": "de", "engine": "google", "format": "full"},
        {"results": {"organic": [{"title": PAGE[0], "url": PAGE[1], "snippet": PAGE[2]}]}},
    ),
    (
        "brave", "https://api.search.brave.com/res/v1/web/search", {"x-subscription-token": "k-canary"},
        {"q": SITES, "count": "3", "country": "DE"},
        {"web": {"results": [{"title": PAGE[0], "url": PAGE[1], "description": PAGE[2], "age": "x"}]}},
    ),
    (
        "searxng", "http://own.example/search", BEARER, {"q": SITES, "format": "json", "language": "de"},
        {"results": [{"title": PAGE[0], "url": PAGE[1], "content": PAGE[2], "engine": "e"}]},
    ),
    (
        "google_pse", "https://www.googleapis.com/customsearch/v1", {},
        {"q": SITES, "num": "3", "gl": "de", "key": "k-canary", "cx": "cx"},
        {"items": [{"title": PAGE[0], "link": PAGE[1], "snippet": PAGE[2]}]},
    ),
    (
        "searchapi", "https://www.searchapi.io/api/v1/search", BEARER,
        {"engine": "google", "q": SITES, "num": "3", "gl": "de"},
        {"organic_results": [{"title": PAGE[0], "link": PAGE[1], "snippet": PAGE[2]}]},
    ),
    (
        "you_com", "https://ydc-index.io/v1/search", {"x-api-key": "k-canary"},
        {"query": SITES, "count": "3", "country": "DE"},
        {"results": {"web": [{"title": PAGE[0], "url": PAGE[1], "snippets": [PAGE[2]], "description": "less"}]}},
    ),
    (
        "duckduckgo", "https://api.duckduckgo.com/", {},
        {"q": SITES, "format": "json", "no_html": "1", "skip_disambig": "1"},
        {"Heading": PAGE[0], "AbstractURL": PAGE[1], "AbstractText": PAGE[2], "Results": [], "RelatedTopics": []},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "url", "headers", "body", "said"), POSTED)
def test_what_is_posted(kind: str, url: str, headers: Mapping[str, str], body: Any, said: Any) -> None:
    one = provider(kind)
    request = one.write(ASKED)
    assert (request.method, request.url) == ("POST", url)
    assert request.headers == {**headers, "content-type": "application/json"}
    assert json.loads(request.body or b"") == body
    assert list(one.read(said)) == [Result(*PAGE)]


@pytest.mark.parametrize(("kind", "url", "headers", "query", "said"), GOT)
def test_what_is_got(kind: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], said: Any) -> None:
    one = provider(kind)
    request = one.write(ASKED)
    parts = urlsplit(request.url)
    assert (request.method, request.body) == ("GET", None)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == url
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == query
    assert headers.items() <= request.headers.items()
    assert list(one.read(said)) == [Result(*PAGE)]


def test_all_are_tried() -> None:
    assert {row[0] for row in (*POSTED, *GOT)} | {"exa_ai"} == PROVIDERS.keys()


KEYLESS = ("duckduckgo", "you_com")


@pytest.mark.parametrize("kind", [kind for kind in PROVIDERS if kind not in KEYLESS])
def test_what_is_missing_is_said(kind: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=rf"search tool x needs \w+ \(or {kind.removesuffix('_ai').removeprefix('fast').upper()[:4]}",
    ):
        load(PROVIDERS[kind]).build(Given("search tool x", {}, {}))


def test_two_need_no_key() -> None:
    for kind, host in zip(KEYLESS, ("api.duckduckgo.com", "api.you.com"), strict=True):
        request = load(PROVIDERS[kind]).build(Given("search tool x", {}, {})).write(ASKED)
        assert (urlsplit(request.url).netloc, "x-api-key" in request.headers) == (host, False)


def test_a_deep_search_is_another_one() -> None:
    one, deep = provider("apiserpent"), Query("walls", 3, more={"deep": True, "engine": "bing"})
    request = one.write(deep)
    assert (urlsplit(request.url).path, parse_qs(urlsplit(request.url).query)["num"]) == ("/api/search", ["10"])
    assert (one.listed(ASKED), one.listed(deep)) == ("apiserpent/search", "apiserpent/deep_search")
    said = {"results": [{"title": PAGE[0], "url": PAGE[1], "snippet": PAGE[2]}]}
    assert list(one.read(said)) == [Result(*PAGE)]


def test_topics_stand_in_groups() -> None:
    topic = {"FirstURL": PAGE[1], "Text": "A title - what it says"}
    said = {"RelatedTopics": [topic, {"Name": "more", "Topics": [topic]}, {"Text": "of no page"}]}
    assert list(provider("duckduckgo").read(said)) == [Result(PAGE[0], PAGE[1], topic["Text"])] * 2


def test_one_domain_is_a_setting_of_google() -> None:
    request = provider("google_pse").write(Query("walls", 20, ("a.example",)))
    found = parse_qs(urlsplit(request.url).query)
    assert (found["siteSearch"], found["q"], found["num"]) == (["a.example"], ["walls"], ["10"])


# -- what clients ask -------------------------------------------------------------------------------------------------


def test_a_request_is_read() -> None:
    found = read(
        b'{"query":["a","b"],"search_tool_name":"web","max_results":2,"search_domain_filter":["x"],"country":"US","n":1}'
    )
    assert found.tool == "web"
    assert found.queries == tuple(Query(text, 2, ("x",), "US", {"n": 1}) for text in "ab")
    assert read(b'{"query":"a","model":"web"}').tool == "web"


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"{}", b'{"query":""}', b'{"query":[]}', b'{"query":[3]}', b'{"query":"a","max_results":0}',
        b'{"query":"a","max_results":21}', b'{"query":"a","max_results":true}', b'{"query":"a","country":3}',
        b'{"query":"a","search_domain_filter":[1]}', b'{"query":"a","search_tool_name":3}',
        json.dumps({"query": ["a"] * (MOST_QUERIES + 1)}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_search_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(body)
    with pytest.raises(MalformedJSON):
        read(b"{")


# -- tools ------------------------------------------------------------------------------------------------------------


class Web:
    """Answers by host, and counts."""

    def __init__(self, **answers: Answer | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> Answer:
        host = (urlsplit(url).hostname or "").partition(".")[0]
        self.asked.append(host)
        said = self.answers.get(host, Answer(200, "", b'{"results":[]}'))
        if isinstance(said, Exception):
            raise said
        return said


def tool(name: str, host: str, **params: Any) -> SearchTool:
    usual = {"search_provider": "searxng", "api_base": f"http://{host}.example"}
    return SearchTool(search_tool_name=name, litellm_params={**usual, **params}, search_tool_info={"description": host})


def tools(web: Web, *entries: SearchTool) -> Tools:
    return Tools(Config(search_tools=entries), {}, lambda _: None, web)


FOUND = Answer(
    200, "", json.dumps({"results": [{"title": "t", "url": f"u{n}", "content": "c"} for n in range(9)]}).encode()
)


async def test_one_that_fails_is_followed_by_another_of_its_name() -> None:
    web = Web(one=Answer(500, "", b""), two=Answer(200, "", b"{}"), three=UpstreamConnectFailed("no"), four=FOUND)
    known = await asyncio.to_thread(
        tools, web, *(tool("web", host, max_retries=host == "one") for host in ("one", "two", "three", "four"))
    )
    found = await known.search("web", Query("x", 2))
    assert web.asked == ["one", "one", "two", "three", "four"]
    assert [result.url for result in found.results] == ["u0", "u1"]
    assert found.tool.description == "four"


async def test_a_search_that_nobody_makes_fails() -> None:
    known = await asyncio.to_thread(tools, Web(one=Answer(401, "", b"secret")), tool("web", "one"))
    with pytest.raises(UpstreamFailure, match="answered 401") as caught:
        await known.search("web", Query("x"))
    assert "secret" not in caught.value.message
    with pytest.raises(ObjectNotFound):
        await known.search("other", Query("x"))


async def test_nobody_is_waited_for_too_long() -> None:
    class Slow(Web):
        async def __call__(self, *_: Any) -> Answer:  # type: ignore[override]
            await asyncio.Event().wait()
            raise AssertionError

    known = await asyncio.to_thread(tools, Slow(), tool("web", "one", timeout=0.1))
    with pytest.raises(UpstreamFailure, match="in time"):
        await known.search("web", Query("x"))


def test_what_cannot_be_used_costs_itself_alone() -> None:
    rows = ({"search_tool_name": "later", "litellm_params": {"search_provider": "searxng", "api_base": "http://x"}}, {})
    config = Config(
        search_tools=(tool("a", "one"), tool("b", "x", search_provider="nobody"), tool("c", "x", timeout="y"))
    )
    general = load("msgspec").structs.replace(config.general_settings, search_tools=rows)
    known = Tools(load("msgspec").structs.replace(config, general_settings=general), {})
    assert [one.name for one in known.tools] == ["a", "later"]
    assert len(known.faults) == 3


@pytest.mark.parametrize(
    ("params", "query", "nano"),
    [
        ({"search_provider": "tavily"}, Query("x"), 8_000_000),
        ({"search_provider": "tavily"}, Query("x", more={"search_depth": "advanced"}), 16_000_000),
        ({"search_provider": "linkup"}, Query("x", more={"depth": "deep"}), 58_670_000),
        ({"search_provider": "exa_ai"}, Query("x"), 5_000_000),
        ({"search_provider": "serper"}, Query("x"), 1_000_000),
        ({"search_provider": "serper", "input_cost_per_query": 0.25}, Query("x"), 250_000_000),
        ({"search_provider": "searxng"}, Query("x"), 0),
        ({"search_provider": "parallel_ai"}, Query("x"), 5_000_000),
        ({"search_provider": "parallel_ai"}, Query("x", more={"mode": "turbo"}), 1_000_000),
    ],
)
def test_what_a_search_costs(params: Mapping[str, Any], query: Query, nano: int) -> None:
    known = tools(Web(), tool("web", "one", api_key="k", **params))
    assert known.price(known.tools[0], query) == nano


NAMES = """results data web organic items title url link snippet text content description highlights date
organic_results hits tasks result RelatedTopics Text FirstURL Topics answer pages body news"""
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.sampled_from([10**400, 1e308, "https://a.example"]) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", PROVIDERS)
@given(said=ANSWERS)
def test_whatever_is_answered_is_read_or_said_to_be_of_another_form(kind: str, said: Any) -> None:
    try:
        found = list(provider(kind).read(said))
    except (LookupError, TypeError, AttributeError):
        return
    assert all(isinstance(one, Result) for one in found)
    msgspec.json.encode(found)
