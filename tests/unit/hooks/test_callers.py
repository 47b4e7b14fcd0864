"""What becomes of what code says of callers, and of what it raises."""

import asyncio

import pytest

from tianji.errors import AuthenticationFailed, PayloadTooLarge, PermissionDenied, ProviderUnavailable
from tianji.hooks.callers import LONGEST, judgement, refusal, require_claims
from tianji.hooks.exceptions import ERRORS
from tianji.hooks.standins import HTTPException, ProxyErrorTypes, ProxyException


@pytest.mark.parametrize(
    ("error", "status", "kind", "text"),
    [
        (ProxyException("m", "t", "p", 429), 429, "t", "m"),
        (ProxyException("m", ProxyErrorTypes.expired_key, "p", "403"), 403, "expired_key", "m"),
        (ProxyException("m", None, None), 401, "auth_error", "m"),
        (ProxyException("m", "t", "p", 200), 401, "t", "m"),
        (HTTPException(403, "no"), 403, "auth_error", "no"),
        (HTTPException(402, {"error": "pay"}), 402, "auth_error", "pay"),
        (HTTPException(7, "odd"), 401, "auth_error", "odd"),
        (ERRORS["BudgetExceededError"]("spent"), 422, "budget_exceeded", "spent"),
        (ERRORS["RateLimitError"]("slow"), 401, "auth_error", "Authentication Error, slow"),
        (Exception("who?"), 401, "auth_error", "Authentication Error, who?"),
        (Exception(), 401, "auth_error", "Authentication Error, the key was not accepted"),
        (ValueError("x" * 9000), 401, "auth_error", ("Authentication Error, " + "x" * LONGEST)[:LONGEST]),
    ],
)
def test_what_is_raised_to_refuse_is_told(error, status, kind, text):
    found = refusal(error)
    assert (found.status, found.wire_type, found.message) == (status, kind, text)


@pytest.mark.parametrize("error", [KeyError("k"), TypeError("t"), ConnectionError("secret host"), RuntimeError("r")])
def test_what_is_raised_by_mistake_is_not(error):
    assert refusal(error) is None


def test_headers_of_a_refusal_are_those_that_can_be_sent():
    headers = {"X-Good": "yes", "x-bad": "a\r\nb: c", "x-é": "no", "www-authenticate": "Bearer"}
    assert refusal(ProxyException("m", "t", None, 401, headers)).headers == (
        (b"x-good", b"yes"), (b"www-authenticate", b"Bearer"),
    )  # fmt: skip


async def test_code_that_hangs_is_given_up_and_ended(tmp_path):
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            loop.call_soon_threadsafe(ended.set)

    with pytest.raises(ProviderUnavailable) as caught:
        await judgement("a.hang", tmp_path, hang, 0.01)
    assert caught.value.status == 503
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_fault_is_logged_with_its_place_and_told_to_nobody(tmp_path, caplog):
    def fail():
        return {}["canary"]

    with pytest.raises(AuthenticationFailed) as caught:
        await judgement("a.fail", tmp_path, fail)
    assert "canary" not in caught.value.message
    assert "test_callers.py:" in caplog.text


async def test_a_body_without_room_is_refused_as_such(tmp_path):
    async def read():
        raise PayloadTooLarge("over")

    with pytest.raises(PayloadTooLarge):
        await judgement("a.read", tmp_path, read)


async def test_a_plain_function_may_return_what_is_awaited(tmp_path):
    async def inner():
        return 7

    assert await judgement("a.b", tmp_path, inner) == 7
    assert await judgement("a.b", tmp_path, lambda: inner()) == 7  # noqa: PLW0108 - no coroutine function
    assert await judgement("a.b", tmp_path, lambda: 8) == 8


@pytest.mark.parametrize("code", [lambda claims: claims["a"] == 1, lambda claims: claims.pop("a")])
async def test_claims_that_are_accepted(tmp_path, code):
    claims = {"a": 1}
    await require_claims("a.b", tmp_path, code, claims)
    assert claims == {"a": 1}


@pytest.mark.parametrize(
    ("code", "kind"),
    [(lambda _: False, PermissionDenied), (lambda _: None, PermissionDenied), (lambda c: c["b"], AuthenticationFailed)],
)
async def test_claims_that_are_not(tmp_path, code, kind):
    with pytest.raises(kind):
        await require_claims("a.b", tmp_path, code, {"a": 1})
