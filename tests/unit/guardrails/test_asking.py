"""Calls to vendors: what is sent, when again, with which proof, and where not."""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import uvloop
from tests.fakes.vendors import Answer, Vendors, plain

from tianji.egress.address import AddressPolicy
from tianji.egress.pool import open_pool
from tianji.errors import UpstreamFailure
from tianji.guardrails.asking import Caller
from tianji.guardrails.vendor import (
    AwsSignature,
    Call,
    ClientCredentials,
    Params,
    Question,
    Reply,
    Type,
    bearer,
    post,
)
from tianji.guardrails.verdict import Unavailable
from tianji.lazy import load

for lazy in (
    "egress.client",
    "providers.logins.fetching",
    "providers.logins.oauth",
    "providers.logins.tokens",
    "providers.logins.aws",
):
    load(f"tianji.{lazy}")  # what a call would load while others wait

KIND = Type(names=("asked",), params=Params, attempts=2, transient=frozenset({429, 503}))


@pytest.fixture(scope="module")
def server() -> Iterator[Vendors]:
    with Vendors() as vendors:
        yield vendors


@pytest.fixture
def vendors(server: Vendors) -> Vendors:
    server.reset()
    return server


async def consulted(question: Question) -> Reply:
    if question.body["model"] == "away":
        raise UpstreamFailure("it is away")
    return Reply(200, b'{"said": "yes"}')


def ask(
    *calls: Call, stored: bool = False, allowed: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
) -> list[Reply]:
    async def run() -> list[Reply]:
        pool = open_pool()
        caller = Caller(pool, lambda: open_pool(check=AddressPolicy().check), environ or {}, consulted)
        caller.allowed = frozenset(allowed)
        try:
            return [await caller.ask(call, KIND, caller.line("id"), stored=stored) for call in calls]
        finally:
            pool.close()
            caller.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def test_a_call_is_sent_as_it_is_and_the_reply_comes_back(vendors: Vendors) -> None:
    vendors.say("/check", plain({"ok": True}))
    (reply,) = ask(post(f"{vendors.url}/check?v=2", {"text": "hello"}, {"X-Own": "a", **bearer("sk-1")}))
    assert (reply.status, reply.document()) == (200, {"ok": True})
    assert reply.headers["content-type"] == "application/json"
    asked = vendors.last("/check")
    assert (asked.method, asked.query, asked.json) == ("POST", "v=2", {"text": "hello"})
    assert (asked.headers["x-own"], asked.headers["authorization"]) == ("a", "Bearer sk-1")


@pytest.mark.parametrize(
    ("answers", "again", "status", "times"),
    [
        ([503, 200], True, 200, 2),
        ([429, 503], True, 503, 2),
        ([503, 200], False, 503, 1),
        ([500, 200], True, 500, 1),
    ],
)
def test_what_may_pass_is_asked_again(
    vendors: Vendors, answers: list[int], again: bool, status: int, times: int
) -> None:
    vendors.say("/again", *(plain({}, one) for one in answers))
    (reply,) = ask(Call(f"{vendors.url}/again", b"{}", again=again))
    assert (reply.status, len(vendors.asked)) == (status, times)


def test_who_is_not_there_is_unavailable(vendors: Vendors) -> None:
    with pytest.raises(Unavailable, match="connect"):
        ask(Call("http://127.0.0.1:1/"))


def test_an_answer_without_an_end_is_bounded(vendors: Vendors) -> None:
    vendors.say("/long", Answer([b"x" * (1 << 20)] * 17))
    with pytest.raises(Unavailable, match="longer"):
        ask(Call(f"{vendors.url}/long", again=False))


def test_what_the_database_names_has_to_be_public(vendors: Vendors) -> None:
    vendors.say("/check", plain({}))
    with pytest.raises(Unavailable, match="not public"):
        ask(Call(f"{vendors.url}/check"), stored=True)
    with pytest.raises(Unavailable, match="not public"):
        ask(Call(vendors.url.replace("127.0.0.1", "localhost") + "/check"), stored=True)
    assert vendors.asked == []
    assert ask(Call(f"{vendors.url}/check"), stored=True, allowed=("127.0.0.1",))[0].status == 200


@pytest.mark.parametrize("basic", [False, True])
def test_a_token_is_fetched_once_and_anew_when_it_is_refused(vendors: Vendors, basic: bool) -> None:
    tokens: list[Any] = [plain({"access_token": f"t{number}", "expires_in": 3600}) for number in (1, 2)]
    vendors.say("/token", *tokens)
    vendors.say("/check", plain({}), plain({}), plain({}, 401), plain({}))
    auth = ClientCredentials(f"{vendors.url}/token", "me", "s3cret", scope="all", basic=basic)
    call = Call(f"{vendors.url}/check", b"{}", auth=auth)
    assert [reply.status for reply in ask(call, call, call)] == [200, 200, 200]
    shown = [asked.headers["authorization"] for asked in vendors.asked if asked.path == "/check"]
    assert shown == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]
    token = vendors.last("/token")
    assert b"grant_type=client_credentials" in token.body
    if basic:
        assert token.headers["authorization"] == "Basic " + base64.b64encode(b"me:s3cret").decode()
    assert (b"s3cret" in token.body) is not basic


def test_a_vendor_without_a_token_is_unavailable(vendors: Vendors) -> None:
    vendors.say("/token", plain({"error": "no"}, 403))
    auth = ClientCredentials(f"{vendors.url}/token", "other", "s3cret")
    with pytest.raises(Unavailable, match="no token"):
        ask(Call(f"{vendors.url}/check", auth=auth))


def test_amazon_s_requests_are_signed(vendors: Vendors) -> None:
    vendors.say("/guardrail", plain({}))
    auth = AwsSignature("bedrock", "eu-west-1", "AKID", "secret")
    ask(Call(f"{vendors.url}/guardrail", b"{}", {"content-type": "application/json"}, auth=auth))
    asked = vendors.last("/guardrail")
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/bedrock/aws4_request" in asked.headers["authorization"]
    assert "x-amz-date" in asked.headers


async def test_a_model_of_the_gateways_own_says_something_or_is_unavailable() -> None:
    pool = open_pool()
    caller = Caller(pool, open_pool, {}, consulted)
    try:
        reply = await caller.consult(Question("chat", {"model": "here"}), caller.line("id"))
        assert reply.document() == {"said": "yes"}
        with pytest.raises(Unavailable, match="it is away"):
            await caller.consult(Question("chat", {"model": "away"}), caller.line("id"))
    finally:
        pool.close()
        caller.close()
