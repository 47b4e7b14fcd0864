"""What all managers have in common: names, how long one is waited for and believed, and what is never repeated."""

import threading

import pytest
from tests.fakes.managers import serving

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets import open_source
from tianji.secrets.manager import require_name

from .asking import VALUE, choice, read, said


@pytest.mark.parametrize("name", ["../x", "a/../b", "..", "a b", "a\n", "", "/a", "a/", "a\x7f", "./a"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(SecretFailure):
        require_name(name)


@pytest.mark.parametrize("name", ["A", "a/b-c", "..data/x"[2:], "x..y", "...", "arn:aws:secretsmanager:x:y:secret:z"])
def test_names_that_are_names(name: str) -> None:
    require_name(name)


def vault_at(url: str) -> Choice:
    return choice("hashicorp_vault", {"HCP_VAULT_ADDR": url, "HCP_VAULT_TOKEN": VALUE})


def test_a_manager_that_is_away_is_asked_no_more_than_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianji.secrets.opening.AT_ONCE", 2)
    with serving(lambda _request: (200, {})) as server:
        url = server.url
    found = read(vault_at(f"http://user:{VALUE}@127.0.0.1:{server.port}"), *map(str, range(20)))
    assert {said(answer) for answer in found.values()} == {
        f"HashiCorp Vault ({url}, secret/data) cannot be reached (ConnectError)"
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {"errors": [VALUE]}), "status 403: who asks may not do that"),
        ((500, VALUE), "status 500"),
        ((200, b"<html>" + VALUE.encode()), "is no JSON object"),
        ((200, [VALUE]), "is no JSON object"),
        ((200, {"data": None}), "has no text in its field"),
        ((200, {"data": {"data": {"key": {"a": VALUE}}}}), "has no text in its field"),
        ((302, b""), "status 302"),
    ],
)
def test_what_a_manager_says_instead_is_not_repeated(answer: tuple[int, object], message: str) -> None:
    with serving(lambda _request: answer) as server:
        assert message in said(read(vault_at(server.url), "A")["A"])


def test_a_manager_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianji.secrets.wire.TIMEOUT", 0.05)
    told = threading.Event()

    def never(_request: object) -> tuple[int, object]:
        told.wait(20)
        return 200, {}

    with serving(never) as server:
        assert "did not answer within 0.05 seconds" in said(read(vault_at(server.url), "A")["A"])
        told.set()


@pytest.mark.parametrize(
    ("wanted", "interval"), [(None, 86400), (30, 30), ("12h", 43200), ("daily", 86400), ("1.5", 1.5)]
)
def test_how_long_a_manager_is_believed(wanted: object, interval: float) -> None:
    source = open_source(choice("hashicorp_vault", {"HCP_VAULT_TOKEN": "t"}, refresh_interval=wanted))
    assert source is not None
    assert source.interval == interval


@pytest.mark.parametrize("wanted", ["soon", 0, -1, "inf", "0s"])
def test_a_time_that_is_none(wanted: object) -> None:
    with pytest.raises(SecretFailure, match="refresh_interval is no length of time"):
        open_source(choice("hashicorp_vault", {"HCP_VAULT_TOKEN": "t"}, refresh_interval=wanted))


def test_one_that_may_only_be_written_is_not_read() -> None:
    assert open_source(choice("hashicorp_vault", {"HCP_VAULT_TOKEN": "t"}, access_mode="write_only")) is None


def test_texts_of_managers_show_no_secret() -> None:
    chosen = choice("hashicorp_vault", {"HCP_VAULT_TOKEN": VALUE})
    assert VALUE not in f"{open_source(chosen)!r} {chosen!r}"
