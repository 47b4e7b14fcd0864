"""The examples load without a single finding, and every key in them is honoured."""

from pathlib import Path

import pytest

from tianji.config import load
from tianji.config.report import rows

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("OPENAI_API_KEY", "GROQ_API_KEY", "OPENAI_EAST_KEY", "OPENAI_WEST_KEY", "INTERNAL_KEY", "TIANJI_MASTER_KEY")
NAMED = ("quickstart", "balancing", "production", "auto-router", "pass-through")
KEYS = dict.fromkeys(NAMES, "secret-value")


@pytest.mark.parametrize("name", NAMED)
def test_an_example_has_no_findings(name: str, tmp_path: Path) -> None:
    loaded = load(EXAMPLES / f"{name}.yaml", KEYS, directory=tmp_path)
    assert loaded.problems == ()
    assert {(row.key, row.level) for row in rows(loaded) if row.level == "unsupported"} == set()


def test_the_quickstart_offers_what_the_environment_has_keys_for(tmp_path: Path) -> None:
    file = EXAMPLES / "quickstart.yaml"
    alone = load(file, {"TIANJI_MASTER_KEY": "k"}, directory=tmp_path)
    assert [entry.model_name for entry in alone.config.model_list] == ["demo"]
    assert alone.problems == ()
    two = load(file, {**KEYS, "GROQ_API_KEY": ""}, directory=tmp_path)
    assert [entry.model_name for entry in two.config.model_list] == ["demo", "openai/*"]
    assert two.config.general_settings.master_key == "secret-value"


def test_every_example_is_tested() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(NAMED)
