"""`tianji prices`: looking, comparing, installing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tianji.accounting.prices.catalogue import Catalogue
from tianji.cli.prices import command

GPT = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIANJI_DATA_DIR", str(tmp_path / "data"))

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(command, args)

    return invoke


@pytest.fixture
def price_map(tmp_path: Path):
    def write(**entries: object) -> str:
        file = tmp_path / "map.json"
        file.write_text(json.dumps(entries))
        return str(file)

    return write


def test_show_prints_prices_and_nothing_else(run):
    result = run("show", "openai/gpt-4o")
    assert result.exit_code == 0
    assert result.output.startswith(f"gpt-4o (catalogue {Catalogue().version}), US dollars:\n")
    assert "  input_cost_per_token: 0.0000025\n" in result.output
    assert "max_tokens" not in result.output


def test_show_offers_near_names(run):
    result = run("show", "gpt-4oh")
    assert result.exit_code == 1
    assert "gpt-4oh is not in catalogue" in result.stderr
    assert "gpt-4o" in result.stderr.partition("did you mean")[2]


def test_update_then_show_then_diff(run, price_map, tmp_path):
    file = price_map(**{"gpt-4o": GPT, "new": {**GPT, "input_cost_per_token": 1}, "sample_spec": {"mode": "text"}})
    result = run("update", file)
    assert (result.exit_code, result.output.partition(":")[0]) == (0, str(tmp_path / "data" / "prices.json"))
    assert "2 models" in result.output
    assert run("show", "new").output.startswith("new (catalogue sha256-")
    assert run("diff", file).output.endswith(": 0 changes\n")
    assert run("diff", file).exit_code == 0
    changed = run("diff", price_map(**{"gpt-4o": {**GPT, "output_cost_per_token": 2e-05, "max_tokens": 5}, "b": GPT}))
    assert changed.exit_code == 1
    assert changed.output.splitlines()[1:] == [
        "+ b",
        "~ gpt-4o: output_cost_per_token 0.00001 -> 0.00002",
        "- new",
    ]
    assert len(run("diff", price_map(b=GPT), "--limit", "1").output.splitlines()) == 2


def test_other_names_of_a_model_get_its_entry(run, price_map):
    entries = {
        "gpt-4o": {**GPT, "aliases": ["gpt-4o-too", "b"]},
        "gpt-latest": {"alias_of": "gpt-4o"},
        "b": {**GPT, "input_cost_per_token": 1},
        "lost": {"alias_of": "gone"},
        "fallback_generalizations": {"rules": []},
    }
    assert "4 models" in run("update", price_map(**entries)).output
    for name in ("gpt-latest", "gpt-4o-too"):
        shown = run("show", name).output
        assert shown.startswith(f"{name} (catalogue")
        assert "input_cost_per_token: 0.0000025\n" in shown
    assert "input_cost_per_token: 1\n" in run("show", "b").output
    assert run("show", "lost").exit_code == 1


def test_the_version_of_a_file_is_kept_and_the_folder_can_be_named(run, price_map, tmp_path):
    file = price_map(**{"!catalogue": {"version": "2027.1"}, "gpt-4o": GPT})
    other = tmp_path / "other"
    assert run("update", file, "--data-dir", str(other)).exit_code == 0
    assert run("show", "gpt-4o", "--data-dir", str(other)).output.startswith("gpt-4o (catalogue 2027.1)")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"input_cost_per_token": -1}, "m: input_cost_per_token: a price must not be negative"),
        ({"input_cost_per_token": "free"}, "m: input_cost_per_token: expected a number"),
        ({"input_cost_per_token": 2500}, "m: input_cost_per_token: 2500 dollars for one unit is too much"),
        ({"off_peak_pricing": {"hours_utc": "nights"}}, "m: hours_utc"),
        ([], "m: expected an object"),
    ],
)
def test_a_map_with_an_impossible_price_is_not_taken(run, price_map, tmp_path, entry, message):
    file = price_map(m=entry, fine=GPT)
    for verb in ("update", "diff"):
        result = run(verb, file)
        assert result.exit_code == 2
        assert message in result.stderr
    assert not (tmp_path / "data" / "prices.json").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"m": {"input_cost_per_token": NaN}}', '{"m": {"input_cost_per_token": 1e-6}']
)
def test_a_file_that_is_no_map(run, tmp_path, text):
    file = tmp_path / "map.json"
    file.write_text(text)
    assert run("update", str(file)).exit_code == 2
    assert run("update", str(tmp_path / "nothing.json")).exit_code == 2


def test_a_name_that_no_line_can_hold(run, price_map):
    result = run("update", price_map(**{'a"b': GPT}))
    assert (result.exit_code, "a name must be printable" in result.stderr) == (2, True)
