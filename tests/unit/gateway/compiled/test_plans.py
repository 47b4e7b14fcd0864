"""From configured deployments to the bytes that reach them."""

import ssl
from pathlib import Path

import pytest
import trustme

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.loader import load
from tianji.errors import ConfigurationError, UnknownModel
from tianji.gateway.compiled.plans import DefaultTimeouts, Origins, head_bytes, timeouts_of
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot, acceptable

KEYS = {"OPENAI_API_KEY": "sk-one", "GROQ_API_KEY": "sk-two"}


async def never(_texts: list[str]) -> list[list[float]]:
    raise AssertionError("nothing is embedded")


@pytest.fixture
def snapshot(tmp_path: Path):
    """Compile a configuration text."""

    def compile_text(text: str) -> Snapshot:
        file = tmp_path / "config.yaml"
        file.write_text(text)
        loaded = load(file, KEYS, directory=tmp_path, accepts=acceptable(KEYS))
        return Snapshot(loaded, Shared(SharedCounters(1024), HealthTable(64), LimitTable(16)), Dice(1), lambda _: never)

    return compile_text


def entries(*params: str) -> str:
    return "model_list:\n" + "".join(f"  - {{model_name: m, litellm_params: {{model: openai/x{p}}}}}\n" for p in params)


def test_the_head_lacks_only_the_length() -> None:
    head = head_bytes("/v1/chat?a=b", "h:8", [(b"authorization", b"Bearer k"), (b"user-agent", b"mine")])
    lines = head.split(b"\r\n")
    assert lines[:3] == [b"POST /v1/chat?a=b HTTP/1.1", b"host: h:8", b"user-agent: mine"]
    assert b"authorization: Bearer k" in lines
    assert lines[-1] == b"content-length: "


@pytest.mark.parametrize(
    ("url", "host", "port", "header", "prefix"),
    [
        ("http://h", "h", 80, "h", ""),
        ("http://h:8080/v1/", "h", 8080, "h:8080", "/v1"),
        ("https://h/a/b", "h", 443, "h", "/a/b"),
        ("http://[::1]:9/v1", "::1", 9, "[::1]:9", "/v1"),
        ("https://b\u00fccher.test", "xn--bcher-kva.test", 443, "xn--bcher-kva.test", ""),
    ],
)
def test_addresses(url, host, port, header, prefix) -> None:
    origin, shown, path = Origins().of(url, None)
    assert (origin.host, origin.port, shown, path) == (host, port, header, prefix)


@pytest.mark.parametrize("url", ["ftp://h", "h/v1", "http://", ""])
def test_what_is_no_address_is_refused(url) -> None:
    with pytest.raises(ConfigurationError, match="is not an http"):
        Origins().of(url, None)


@pytest.mark.parametrize(
    ("params", "defaults", "plain", "stream"),
    [
        ("", DefaultTimeouts(None, None), 6000, 6000),
        (", timeout: 5", DefaultTimeouts(60, 9), 5, 9),
        (", timeout: 5, stream_timeout: 2", DefaultTimeouts(60, 9), 5, 2),
        (", request_timeout: 7", DefaultTimeouts(60, None), 7, 7),
        (", request_timeout: 7, timeout: 5", DefaultTimeouts(60, 9), 5, 9),
        ("", DefaultTimeouts(60, None), 60, 60),
    ],
)
def test_the_nearest_timeout_wins(snapshot, params, defaults, plain, stream) -> None:
    entry = snapshot(entries(params)).config.model_list[0]
    whole, streamed = timeouts_of(entry, defaults)
    assert (whole.total, whole.between_chunks) == (plain, 0)
    assert (streamed.first_byte, streamed.between_chunks, streamed.total) == (stream, stream, 0)


def test_names_find_their_groups(snapshot) -> None:
    compiled = snapshot(
        """
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o}, model_info: {id: one}}
  - {model_name: "own/*", litellm_params: {model: "hosted_vllm/*", api_base: "http://up.test"}}
  - {model_name: lost, litellm_params: {model: nosuchprovider/x}}
router_settings:
  model_group_alias: {old: gpt, hidden: {model: gpt, hidden: true}}
"""
    )
    assert compiled.models() == ["gpt", "old"]
    assert compiled.table.groups["one"].deployments == compiled.groups["gpt"].deployments
    assert compiled.resolve("hidden")[0] is compiled.groups["gpt"]
    group, found = compiled.resolve("own/llama")
    assert (group.name, found.upstream_model(group.deployments[0].model)) == ("own/*", "llama")
    with pytest.raises(UnknownModel, match="Did you mean 'gpt'"):
        compiled.resolve("gtp")


def test_a_deployment_without_its_key_says_which_to_set(snapshot) -> None:
    compiled = snapshot("model_list:\n  - {model_name: m, litellm_params: {model: mistral/large}}\n")
    assert "MISTRAL_API_KEY" in compiled.groups["m"].deployments[0].unready


def test_a_deployment_may_stream_by_default(snapshot) -> None:
    plans = snapshot(entries(", stream: true")).groups["m"].deployments[0].plans
    assert plans["chat"].streams
    assert not snapshot(entries("")).groups["m"].deployments[0].plans["chat"].streams


def test_certificates_are_checked_unless_the_nearest_word_says_no(tmp_path) -> None:
    origins = Origins()
    strict, _, _ = origins.of("https://h", None)
    loose, _, _ = origins.of("https://h", False)
    assert strict.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert loose.ssl_context.verify_mode is ssl.CERT_NONE
    assert origins.of("https://h", True)[0].ssl_context is strict.ssl_context
    assert Origins(False).of("https://h", None)[0].ssl_context.verify_mode is ssl.CERT_NONE
    with pytest.raises(ConfigurationError, match="cannot be used"):
        origins.of("https://h", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Origins(True, str(tmp_path / "missing.pem")).of("https://h", None)


@pytest.mark.parametrize(
    ("everywhere", "here", "url", "offered"),
    [
        (False, None, "https://h", False),
        (False, True, "https://h", True),
        (True, None, "https://h", True),
        (True, False, "https://h", False),
        (True, True, "http://h", False),
    ],
)
def test_http_2_is_offered_where_the_nearest_word_says_so(everywhere, here, url, offered) -> None:
    origin, _, _ = Origins(http2=everywhere).of(url, None, here)
    assert (origin.http1 is not None) == offered
    if origin.http1 is not None:
        assert origin.http1 != origin
        assert origin.http1.ssl_context is not origin.ssl_context
        assert origin.http1.http1 is None


def test_a_deployment_may_ask_for_http_2(snapshot) -> None:
    text = entries(", http2: true", ", http2: false", "") + "litellm_settings: {http2: true}\n"
    deployments = snapshot(text).groups["m"].deployments
    assert [d.plans["chat"].origin.http1 is not None for d in deployments] == [True, False, True]
    assert not any(name == b"http2" for d in deployments for name, _ in d.plans["chat"].defaults)


def test_a_client_certificate_is_loaded(tmp_path) -> None:
    authority = trustme.CA()
    file = tmp_path / "client.pem"
    file.write_bytes(authority.issue_cert("client.test").private_key_and_cert_chain_pem.bytes())
    assert Origins(True, str(file)).of("https://h", None)[0].ssl_context is not None


def test_deployments_that_do_the_same_share_what_says_so(snapshot) -> None:
    plans = [
        deployment.plans["chat"]
        for _, deployment in snapshot(entries(", api_key: a", ", api_key: b, drop_params: false")).members["m"]
    ]
    one, other = plans
    assert one.fields is other.fields
    assert one.shaping.drop is other.shaping.drop
    assert one.shaping.adapt_on is other.shaping.adapt_on
