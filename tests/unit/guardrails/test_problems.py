"""What is said of the guardrails of a file: each fault with its key, its line and a remedy."""

from pathlib import Path

import pytest
from tests.unit.guardrails.kinds import WORDS

from tianji.config.loader import Loaded, load
from tianji.config.problems import InvalidConfiguration, Problem
from tianji.gateway.guarding import judged
from tianji.guardrails import registry
from tianji.guardrails.entries import entries

MODEL = "model_list:\n  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}\n"


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", {"words": (WORDS, None)}.get)
    monkeypatch.setattr(registry, "names", lambda: frozenset({"words"}))


def read(folder: Path, text: str) -> Loaded:
    file = folder / "config.yaml"
    file.write_text(MODEL + text)
    return judged(load(file, {}, directory=folder), folder)


def fatal(folder: Path, text: str) -> Problem:
    with pytest.raises(InvalidConfiguration) as caught:
        read(folder, text)
    (problem,) = [one for one in caught.value.findings if one.fatal]
    return problem


@pytest.mark.parametrize(
    ("entry", "key", "said"),
    [
        ("{guardrail: wrods, mode: pre_call}", "guardrails[0].litellm_params.guardrail", "not a type"),
        ("{guardrail: words, mode: [nope], api_base: b}", "guardrails[0].litellm_params.mode", "not a mode"),
        ("{guardrail: words, mode: pre_call}", "guardrails[0].litellm_params", "is missing"),
        ("{guardrail: words, mode: pre_call, api_base: b, level: x}", "guardrails[0].litellm_params.level", "int"),
    ],
)
def test_what_cannot_be_built_stops_the_start(tmp_path: Path, entry: str, key: str, said: str) -> None:
    problem = fatal(tmp_path, f"guardrails:\n  - guardrail_name: g\n    litellm_params: {entry}\n")
    assert problem.key.startswith(key)
    assert said in problem.message
    assert problem.remedy
    assert problem.line == 5


def test_unless_somebody_wants_to_go_without(tmp_path: Path) -> None:
    text = "guardrails: [{guardrail_name: g, litellm_params: {guardrail: wrods, mode: pre_call}}]\n"
    loaded = read(tmp_path, text + "litellm_settings: {guardrail_strict: false}\n")
    assert [problem.severity for problem in loaded.problems] == ["warning"]


def test_a_key_that_means_nothing_is_said(tmp_path: Path) -> None:
    entry = "{guardrail: words, mode: pre_call, api_base: b, colour: red}"
    loaded = read(tmp_path, f"guardrails: [{{guardrail_name: g, litellm_params: {entry}}}]\n")
    assert [problem.key for problem in loaded.problems] == ["guardrails[0].litellm_params.colour"]


def test_the_first_form_of_all_is_read(tmp_path: Path) -> None:
    read(
        tmp_path,
        "litellm_settings: {guardrails: [{g: {callbacks: [words], default_on: true,"
        " callback_args: {words: {api_base: b}}}}]}\n",
    )
    problem = fatal(tmp_path, "litellm_settings: {guardrails: [{g: {callbacks: [wrods]}}]}\n")
    assert problem.key == "litellm_settings.guardrails[0].g"


def test_a_file_without_guardrails_is_as_it_was(tmp_path: Path) -> None:
    assert read(tmp_path, "").problems == ()


@pytest.mark.parametrize(("stored", "severity"), [(False, "error"), (True, "warning")])
def test_a_model_that_a_guardrail_asks_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool, severity: str
) -> None:
    monkeypatch.undo()
    entry = "{guardrail: llm_as_a_judge, mode: pre_call, judge_model: MODEL, criteria: [{name: c, weight: 100}]}"
    text = f"guardrails: [{{guardrail_name: g, litellm_params: {entry}}}]\n"
    text += f"general_settings: {{store_model_in_db: {str(stored).lower()}}}\n"
    assert not [one for one in read(tmp_path, text.replace("MODEL", "m")).problems if "judge" in one.key]
    wanted = text.replace("MODEL", "n")
    problem = (
        next(one for one in read(tmp_path, wanted).problems if "'n'" in one.message)
        if stored
        else fatal(tmp_path, wanted)
    )
    assert (problem.severity, problem.key) == (severity, "guardrails[0].litellm_params")
    assert "'n'" in problem.message


def test_callbacks_that_are_guardrails_run_for_all_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    text = (
        "litellm_settings: {callbacks: [detect_prompt_injection], prompt_injection_params: {heuristics_check: true}}\n"
    )
    (found,) = entries(read(tmp_path, text).config)
    assert (found.name, found.type) == ("detect_prompt_injection", "prompt_injection")
    assert found.params == {"default_on": True, "heuristics_check": True}
    banned = "litellm_settings: {callbacks: [banned_keywords], banned_keywords_list: [worse]}\n"
    (found,) = entries(read(tmp_path, banned).config)
    assert (found.type, found.mode) == ("litellm_content_filter", ["pre_call", "post_call"])
    assert found.params == {"default_on": True, "blocked_words": [{"keyword": "worse"}]}
    wrong = text.replace("heuristics_check: true", "heuristics_check: false")
    assert "nothing is checked" in fatal(tmp_path, wrong).message
