"""Entries that name code: `module.Class` and custom_code, which the configuration's file alone may name."""

from pathlib import Path
from typing import Any

import pytest

from tianji.config.schema.sections import GuardrailEntry
from tianji.guardrails.building import HIDDEN, Unbuildable, build, strange_keys
from tianji.guardrails.entries import Entry, read
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.vendor import Surroundings

CODE = "def apply_guardrail(inputs, request_data, input_type):\n    return allow()"


def entry(*, stored: bool = False, **params: Any) -> Entry:
    return read(GuardrailEntry(guardrail_name="g", litellm_params={"mode": "pre_call", **params}, stored=stored))


def built(folder: Path, found: Entry) -> Guardrail:
    return build(found, Surroundings(folder, {"KEY": "k"}), {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text("class Mine: ...")
    return tmp_path


def test_a_class_is_made_of_every_key_but_its_limits(folder: Path) -> None:
    given = entry(guardrail="mine.Mine", api_key="os.environ/KEY", word="x", memory=64, default_on=True)
    found = built(folder, given)

    told = found.service._pool._job.told  # type: ignore[union-attr]
    assert told["handler"] == "mine.Mine"
    about = {"guardrail_name": "g", "event_hook": "pre_call"}
    assert told["settings"] == {**about, "api_key": "k", "word": "x", "default_on": True}
    assert told["memory"] == 64
    assert (found.timeout, found.default_on) == (30.0, True)
    assert found.shown["api_key"] == HIDDEN
    assert found.shown["guardrail"] == "mine.Mine"
    assert list(strange_keys(given)) == []


def test_code_in_the_entry_is_shown_to_nobody(folder: Path) -> None:
    found = built(folder, entry(guardrail="custom_code", custom_code=CODE, timeout=3))

    assert found.shown["custom_code"] == HIDDEN
    assert found.timeout == 3


@pytest.mark.parametrize("params", [{"guardrail": "mine.Mine"}, {"guardrail": "custom_code", "custom_code": CODE}])
def test_the_database_makes_no_code(params: dict[str, Any], folder: Path) -> None:
    with pytest.raises(Unbuildable, match="no entry of the database"):
        built(folder, entry(stored=True, **params))


def test_a_class_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(Unbuildable, match=r"put other\.py beside"):
        built(folder, entry(guardrail="other.Mine"))
