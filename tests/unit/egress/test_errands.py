"""Requests beside the traffic: where they may go, and how much they take in."""

import importlib
import json

import pytest
from tests.fakes.identity_provider import IdentityProvider

from tianji.egress import errands
from tianji.egress.errands import Answer, Errands
from tianji.errors import InvalidRequest, UpstreamConnectFailed, UpstreamProtocolError

importlib.import_module("tianji.egress.client")  # a worker loads it in its loop, where nothing in a test may block


@pytest.fixture(scope="module")
def provider():
    with IdentityProvider() as running:
        yield running


async def test_an_operator_s_own_host_may_lie_anywhere(provider):
    answer = await Errands([provider.url])("GET", provider.jwks_url)
    assert (answer.status, answer.kind) == (200, "application/json")
    assert answer.document()["keys"][0]["kid"] == "first"


async def test_a_host_that_a_document_names_has_to_be_public(provider):
    other = Errands(["https://idp.example"])
    for url in (provider.jwks_url, "http://169.254.169.254/latest", "http://metadata.google.internal/", "file:///a"):
        with pytest.raises(InvalidRequest):
            await other("GET", url)
    with pytest.raises(UpstreamConnectFailed, match="not public"):
        await other("GET", provider.jwks_url.replace("127.0.0.1", "localhost"))


async def test_a_redirect_is_an_answer(provider):
    query = "response_type=code&client_id=tianji-client&code_challenge_method=S256&state=s&redirect_uri=http://a/b"
    answer = await Errands([provider.url])("GET", f"{provider.url}/authorize?{query}")
    assert answer.status == 302


async def test_nobody_fills_the_memory(provider, monkeypatch):
    monkeypatch.setattr(errands, "LONGEST", 8)
    with pytest.raises(UpstreamProtocolError, match="more than 8"):
        await Errands([provider.url])("GET", provider.jwks_url)


async def test_what_does_not_answer_says_so():
    with pytest.raises(UpstreamConnectFailed, match="cannot be reached"):
        await Errands(["http://127.0.0.1:9"])("GET", "http://127.0.0.1:9/")


@pytest.mark.parametrize("answer", [Answer(404, "", b"{}"), Answer(200, "", b"[]"), Answer(200, "", b"<html>")])
def test_only_a_good_object_is_a_document(answer):
    with pytest.raises(UpstreamProtocolError):
        answer.document()
    assert Answer(200, "", json.dumps({"a": 1}).encode()).document() == {"a": 1}
