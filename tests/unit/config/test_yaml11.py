"""YAML 1.1 scalars, merges, duplicates and places."""

from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji.config import yaml11
from tianji.config.problems import Findings, Problem
from tianji.config.tree import Items, Map, plain

FILE = Path("f.yaml")


def read(text: str) -> tuple[object, tuple[Problem, ...]]:
    findings = Findings()
    value = yaml11.read(FILE, text.encode(), findings)
    return value, findings.problems


SCALARS = [
    ("yes", True), ("NO", False), ("on", True), ("Off", False), ("True", True), ("FALSE", False), ("y", "y"),
    ("20_000", 20000), ("1:30", 90), ("01:30", "01:30"), ("9:00", 540), ("010", 8), ("0x1F", 31), ("0b11", 3),
    ("1e-6", "1e-6"), ("1e5", "1e5"), ("1.0e+5", 100000.0), ("2.5e-06", 2.5e-06), ("1.", 1.0),
    ("2024-10-21", "2024-10-21"), ("2024-10-21 10:00:00", "2024-10-21 10:00:00"), ("~", None), ("", None),
    ("null", None), ('"yes"', "yes"), ("'10'", "10"), ("=", "="), ("!!str 5", "5"), ("!!int '5'", 5),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars(text: str, value: object) -> None:
    tree, problems = read(f"a: {text}\n")
    assert plain(tree) == {"a": value}
    assert type(plain(tree)["a"]) is type(value)  # type: ignore[index]
    assert problems == ()


def test_merge_keys_like_pyyaml() -> None:
    text = "b: &b {x: 1, y: 2}\nc: &c {y: 3, z: 4}\nd: {<<: [*b, *c], z: 5}\ne: {k: 0, <<: *c}\n"
    tree, problems = read(text)
    assert plain(tree) == yaml.safe_load(text)
    assert list(plain(tree)["d"]) == list(yaml.safe_load(text)["d"])  # type: ignore[index]
    assert problems == ()


def test_a_merged_key_keeps_the_place_where_it_was_written() -> None:
    tree, _ = read("b: &b\n  x: 1\nd:\n  <<: *b\n  y: 2\n")
    assert isinstance(tree, Map)
    merged = tree["d"]
    assert isinstance(merged, Map)
    assert (merged.at("x").line, merged.at("y").line) == (2, 5)


@pytest.mark.parametrize("source", ["5", "[1]", "text"])
def test_a_merge_of_no_mapping_is_an_error(source: str) -> None:
    _, problems = read(f"a: {{<<: {source}}}\n")
    assert [problem.line for problem in problems if problem.fatal] == [1]


def test_duplicates_warn_with_both_lines_and_the_last_counts() -> None:
    tree, (problem,) = read("a: 1\nb: 2\na: 3\n")
    assert plain(tree) == {"a": 3, "b": 2}
    assert (problem.severity, problem.line, problem.key) == ("warning", 3, "a")
    assert "line 1" in problem.message
    assert "line 3" in problem.message


def test_every_key_and_item_knows_its_line() -> None:
    tree, _ = read("a:\n  - b: 1\n    c: 2\n  - d\n")
    assert isinstance(tree, Map)
    items = tree["a"]
    assert isinstance(items, Items)
    first = items[0]
    assert isinstance(first, Map)
    assert tree.places["a"] == (FILE, 1)
    assert [place.line for place in items.places] == [2, 4]
    assert [first.places[key].line for key in "bc"] == [2, 3]


def test_keys_are_the_text_that_was_written() -> None:
    tree, _ = read("yes: 1\n5: 2\n2024-01-01: 3\nnull: 4\n")
    assert plain(tree) == {"yes": 1, "5": 2, "2024-01-01": 3, "null": 4}


def test_tabs_say_so() -> None:
    _, (problem,) = read("a:\n\tb: 1\n")
    assert (problem.file, problem.line) == (FILE, 2)
    assert "tabs" in problem.remedy


def test_aliases_cannot_blow_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    tree, problems = read("\n".join(lines))
    assert tree is None
    assert [problem.fatal for problem in problems] == [True]


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    _, problems = read("a: " + "[" * 400 + "]" * 400)
    assert any(problem.fatal for problem in problems)


def normal(value: object) -> object:
    """What `yaml.safe_load` makes, in the form this reader gives it."""
    if isinstance(value, dict):
        return {str(key): normal(member) for key, member in value.items()}
    return [normal(member) for member in value] if isinstance(value, list) else value


def has_date(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(has_date, value.values()))
    return any(map(has_date, value)) if isinstance(value, list) else isinstance(value, date | datetime)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
@settings(deadline=None)
def test_what_pyyaml_dumps_is_read_back(value: dict[str, object]) -> None:
    text = yaml.safe_dump(value)
    tree, problems = read(text)
    assert normal(plain(tree)) == normal(yaml.safe_load(text))
    assert problems == ()


@given(st.text("abc:-[]{}&*<>|!#\n \t'\"%@,?0123_.", max_size=60))
@settings(deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    value, problems = read(text)
    if value is None or any(problem.fatal for problem in problems):
        return
    expected = yaml.load(text, Loader=yaml.CSafeLoader)
    if not has_date(expected) and not isinstance(expected, set):
        assert kind_of(value) is kind_of(expected)


def kind_of(value: object) -> type:
    return dict if isinstance(value, dict) else list if isinstance(value, list) else type(value)
