"""Who is told of a request, as headers, body, key and team say it."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tianji._core.bodies.spans import scan
from tianji.auth.identity import Identity
from tianji.config.schema import Config, Settings
from tianji.config.schema.settings import TeamSettings
from tianji.gateway.admission.telling import Heard, Tellings
from tianji.ledger.entry import Telling

ON = {"litellm-enable-message-redaction": "true"}
OFF = {"litellm-disable-message-redaction": "true"}
FREE = {"allow_client_message_redaction_opt_out": True}
LOGGING = [{"callback_name": "langfuse"}]


def own(**variables: Any) -> dict[str, Any]:
    return {"logging": [{"callback_name": "datadog"}, {"callback_name": "datadog", "callback_vars": variables}]}


def heard(
    *,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    metadata: dict[str, Any] | None = None,
    team_metadata: dict[str, Any] | None = None,
    **settings: Any,
) -> Heard:
    caller = Identity(
        role=None, user_id=None, key="k", team_id="t", metadata=metadata or {}, team_metadata=team_metadata or {}
    )
    raw = msgspec.json.encode(body or {})
    exchange: Any = SimpleNamespace(
        identity=caller, body=raw, headers=[(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    )
    return Tellings(Config(litellm_settings=Settings(**settings))).heard(exchange, scan(raw))


def test_usually_nothing_is_special() -> None:
    assert heard() == Heard(b"{}")


@pytest.mark.parametrize(
    ("asks", "settings", "bare"),
    [
        ({"headers": ON}, {}, True),
        ({"body": {"turn_off_message_logging": True}}, {}, True),
        ({"body": {"metadata": {"turn_off_message_logging": "true"}}}, {}, True),
        ({"body": {"litellm_metadata": {"turn_off_message_logging": True}}}, {}, True),
        ({"body": {"turn_off_message_logging": False}, "headers": ON}, {}, False),
        ({"headers": ON | OFF}, {}, False),
        ({}, {"turn_off_message_logging": True}, True),
        ({"headers": OFF}, {"turn_off_message_logging": True}, True),
        ({"body": {"turn_off_message_logging": False}}, {"turn_off_message_logging": True}, True),
        ({"headers": OFF, "metadata": FREE}, {"turn_off_message_logging": True}, False),
        ({"headers": OFF, "team_metadata": FREE}, {"turn_off_message_logging": True}, False),
        ({"body": {"turn_off_message_logging": False}, "metadata": FREE}, {"turn_off_message_logging": True}, False),
        ({"metadata": own(turn_off_message_logging=False)}, {"turn_off_message_logging": True}, False),
        ({"metadata": own(turn_off_message_logging="true")}, {}, True),
        ({"metadata": own(langfuse_host="x")}, {"turn_off_message_logging": True}, True),
        ({"metadata": own(turn_off_message_logging=False), "headers": ON}, {}, False),
        ({"metadata": own(turn_off_message_logging=False), "body": {"turn_off_message_logging": True}}, {}, True),
        ({"team_metadata": own(turn_off_message_logging=False)}, {"turn_off_message_logging": True}, True),
        ({"metadata": {"logging": [7, {"callback_vars": 7}]}}, {"turn_off_message_logging": True}, True),
    ],
)
def test_what_was_said_is_told_or_not(asks: dict[str, Any], settings: dict[str, Any], bare: bool) -> None:
    found = heard(**asks, **settings)
    assert (found.telling is not None and found.telling.bare) is bare
    assert found.opened is (bool(settings) and not bare)


def test_whose_callbacks_are_told() -> None:
    team = {"team_metadata": {"logging": LOGGING}}
    older = {"team_metadata": {"callback_settings": {"failure_callback": ["langfuse"]}}}
    assert heard(metadata={"logging": LOGGING}, **team).telling == Telling("key")
    assert heard(**team).telling == heard(**older).telling == Telling("team")
    assert heard(team_metadata={"callback_settings": {"success_callback": []}}).telling is None
    named = (TeamSettings(team_id="t", success_callback=("langfuse",)),)
    assert heard(default_team_settings=named).telling == Telling("team")
    assert heard(default_team_settings=(TeamSettings(team_id="u", success_callback=("langfuse",)),)).telling is None


def test_who_is_muted() -> None:
    header = {"x-litellm-disable-callbacks": " Langfuse,datadog ,"}
    muted = {"litellm_disabled_callbacks": ["S3", "langfuse"]}
    assert heard(headers=header, metadata=muted).telling == Telling(muted=("s3", "langfuse", "datadog"))
    closed = heard(headers=header, allow_dynamic_callback_disabling=False)
    assert closed.telling is None
