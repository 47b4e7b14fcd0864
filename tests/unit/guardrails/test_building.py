"""Entries become guardrails: all spellings, fallbacks, aliases, and what cannot be built says where and why."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.guardrails.kinds import WORDS

from tianji.config.schema.sections import GuardrailEntry
from tianji.errors import ConfigurationError
from tianji.guardrails import common_keys, registry
from tianji.guardrails.building import HIDDEN, Unbuildable, build, strange_keys
from tianji.guardrails.entries import read, stable_id
from tianji.guardrails.guardrail import Action, Guardrail
from tianji.guardrails.vendor import Hook, Preset, Surroundings, Type
from tianji.guardrails.vendors import bedrock

BASE = "http://words.test"
PRESET = Preset("quick", "words", {"api_base": "http://quick.test", "level": 7}, {"api_base": ("QUICK_BASE",)})


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"words": (WORDS, None), "wordy": (WORDS, None), "quick": (WORDS, PRESET)}
    monkeypatch.setattr(registry, "find", known.get)
    monkeypatch.setattr(registry, "names", lambda: frozenset(known))


def entry(**params: Any) -> GuardrailEntry:
    beside = {key: params.pop(key) for key in ("beside",) if key in params}
    return GuardrailEntry(guardrail_name="g", litellm_params=params, extra=beside.get("beside", {}))


def built(environ: dict[str, str] | None = None, defaults: dict[str, bool] | None = None, **params: Any) -> Guardrail:
    usual = {"guardrail": "words", "mode": "pre_call", "api_base": BASE}
    return build(read(entry(**{**usual, **params})), Surroundings(Path("/"), environ or {}), defaults or {})


def test_an_entry_is_built_with_the_values_of_its_type() -> None:
    found = built(mode=["pre_call", "post_call"], default_on="true", timeout="3.5")
    assert found.modes.all == {Hook.PRE_CALL, Hook.POST_CALL}
    assert (found.name, found.kind, found.default_on, found.timeout) == ("g", "words", True, 3.5)
    assert (found.fails_open, found.action) == (False, Action.BLOCK)
    assert found.id == stable_id("g")
    assert found.check is not None


@pytest.mark.parametrize(
    ("written", "hooks"),
    [
        ({"guardrail": None, "mode": "words"}, {Hook.PRE_CALL, Hook.POST_CALL}),  # the older form: mode is the type
        ({"guardrail": "words", "mode": "during_call"}, {Hook.DURING_CALL}),
        ({"guardrail": "words", "mode": "PRE_CALL"}, {Hook.PRE_CALL}),
        ({"guardrail": "words", "mode": None}, {Hook.PRE_CALL, Hook.POST_CALL}),
        (
            {"guardrail": "words", "mode": {"tags": {"t": "pre_call"}, "default": "post_call"}},
            {"pre_call", "post_call"},
        ),
        ({"guardrail": "words", "mode": ["pre_call", "realtime_input_transcription"]}, {Hook.PRE_CALL}),
    ],
)
def test_hooks_come_from_either_form(written: dict[str, Any], hooks: set[Hook]) -> None:
    assert built(**written).modes.all == hooks


def test_what_stands_under_optional_params_is_read_like_what_stands_beside_it() -> None:
    found = built(optional_params={"timeout": 2, "api_base": "http://other.test"})
    assert found.timeout == 2
    assert found.shown["api_base"] == BASE
    assert "optional_params" not in found.shown


def test_a_hook_without_a_type_means_that_the_name_is_the_type() -> None:
    written = GuardrailEntry(guardrail_name="words", litellm_params={"mode": "pre_call", "api_base": BASE})
    assert read(written).type == "words"


def test_the_older_form_has_its_policy_beside_the_name() -> None:
    made = build(
        read(entry(mode="words", api_base=BASE, beside={"failure_policy": "fail_open", "default_on": True})),
        Surroundings(Path("/")),
        {},
    )
    assert (made.fails_open, made.default_on) == (True, True)


@pytest.mark.parametrize(
    ("key", "value", "opens"),
    [
        ("fail_on_error", False, True),
        ("fail_on_error", "true", False),
        ("unreachable_fallback", "FAIL_OPEN", True),
        ("unreachable_fallback", "fail_closed", False),
        ("fallback_on_error", "allow", True),
        ("fallback_on_error", "block", False),
        ("fail_open", "true", True),
        ("block_failures", "false", True),
        ("block_on_error", True, False),
        ("failure_policy", "fail_open", True),
    ],
)
def test_every_vendors_word_for_the_fail_mode_counts(key: str, value: object, opens: bool) -> None:
    assert built(**{key: value}).fails_open is opens


@pytest.mark.parametrize(
    ("key", "value", "action"),
    [
        ("on_flagged", "monitor", Action.MONITOR),
        ("on_flagged_action", "PASSTHROUGH", Action.ANSWER),
        ("on_flagged_action", "block", Action.BLOCK),
        ("on_flagged", "inject_system_message", Action.BLOCK),
        ("monitor_mode", True, Action.MONITOR),
        ("block_on_violation", "false", Action.MONITOR),
        ("block_on_detection", False, Action.MONITOR),
        ("disable_exception_on_block", True, Action.ANSWER),
    ],
)
def test_every_vendors_word_for_the_action_counts(key: str, value: object, action: Action) -> None:
    assert built(**{key: value}).action is action


@pytest.mark.parametrize(
    ("kind", "keys", "strict"),
    [
        (WORDS, {}, False),
        (WORDS, {"unscannable_content": "block"}, True),
        (bedrock.TYPE, {}, True),
        (bedrock.TYPE, {"skip_unscannable_attachments": True}, False),
        (bedrock.TYPE, {"unscannable_content": "allow"}, False),
    ],
)
def test_what_becomes_of_attachments_that_nobody_sees(kind: Type[Any], keys: dict[str, object], strict: bool) -> None:
    assert common_keys.strict(keys, kind) is strict


def test_what_an_entry_lacks_the_environment_says_and_a_blank_is_lacking() -> None:
    environ = {"WORDS_BASE": "http://env.test", "WORDS_KEY": "sk-env", "OTHER": "http://other.test"}
    plan = read(entry(guardrail="words", mode="pre_call", api_base="", api_key=" "))
    assert build(plan, Surroundings(Path("/"), environ), {}).check is not None
    with pytest.raises(Unbuildable, match="api_base: is missing"):
        build(plan, Surroundings(Path("/"), {}), {})
    assert built(environ, api_base="os.environ/OTHER").check is not None


def test_a_preset_is_its_base_with_other_values() -> None:
    found = build(read(entry(guardrail="quick", mode="pre_call")), Surroundings(Path("/")), {})
    assert found.kind == "quick"
    assert found.type is WORDS


def test_secrets_are_hidden_where_entries_are_shown() -> None:
    shown = built(api_key="sk-hidden", auth_token="t0k", words=["a"]).shown
    assert shown["api_key"] == shown["auth_token"] == HIDDEN
    assert shown["words"] == ["a"]


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        ({"guardrail": "wrods"}, "guardrail", "did you mean `words`"),
        ({"mode": ["nope"]}, "mode", "is not a mode"),
        ({"mode": "pre_mcp_call"}, "mode", "no mode of words"),
        ({"mode": "pre_mcp_call"}, "mode", f"use one of {', '.join(sorted(WORDS.hooks | {Hook.LOGGING_ONLY}))}"),
        ({"mode": {}}, "mode", "neither"),
        ({"api_base": None}, "api_base", "is missing"),
        ({"level": "high"}, "level", "int"),
        ({"timeout": -1}, "timeout", "above 0"),
        ({"stream_scope": "sometimes"}, "stream_scope", "streaming"),
        ({"on_sensitive_data": "route"}, "on_sensitive_data", "sensitive_data_route_to_model"),
        ({"logging_only_scope": "both"}, "logging_only_scope", "input or output"),
        ({"unscannable_content": "maybe"}, "unscannable_content", "allow or block"),
    ],
)
def test_what_cannot_be_built_names_its_key_and_a_remedy(written: dict[str, Any], key: str, said: str) -> None:
    with pytest.raises(Unbuildable) as caught:
        built(**written)
    assert caught.value.key == key
    assert said in f"{caught.value.said} {caught.value.remedy}"


def test_an_empty_list_of_modes_says_nothing() -> None:
    assert built(mode=[]).modes == built(mode=None).modes


def test_a_type_that_refuses_its_parameters_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_params: object, _around: object) -> None:
        raise ConfigurationError("level: there is no such level")

    kind = msgspec.structs.replace(WORDS, check=refuse)
    monkeypatch.setattr(registry, "find", lambda _name: (kind, None))
    with pytest.raises(Unbuildable, match="no such level"):
        built()


def test_another_spelling_and_a_stranger() -> None:
    assert list(strange_keys(read(entry(guardrail="words", mode="pre_call", bad_words=["a"], colour="red")))) == [
        "colour"
    ]
    assert built(bad_words=["a"]).check is not None


def test_the_settings_for_all_say_what_entries_do_not() -> None:
    everywhere = {"skip_system_message_in_guardrail": True}
    assert built(defaults=everywhere).scope.skip_system
    assert not built(defaults=everywhere, skip_system_message_in_guardrail=False).scope.skip_system
