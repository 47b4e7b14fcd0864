"""The catalogue: every entry of it can be used, and each is found where it lies."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.journal.meter import MOST, cost, estimate
from tianji._core.streams.usage import estimated_usage
from tianji.accounting.prices.catalogue import PACKAGED, Catalogue, write
from tianji.accounting.prices.exact import ATTO
from tianji.accounting.prices.fields import is_price
from tianji.accounting.prices.tables import compile_rates
from tianji.errors import ConfigurationError

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"\\'), min_size=1)


def test_every_entry_has_rates_and_costs_something_or_nothing() -> None:
    entries = dict(Catalogue())
    assert len(entries) > 4000
    priced = 0
    for name, entry in entries.items():
        rates = compile_rates(entry, str(entry["litellm_provider"]))
        usage = estimated_usage(1000, 1000)
        assert 0 <= cost(rates, usage, 0) <= estimate(rates, 1000, 1000) < MOST, name
        priced += cost(rates, usage, 0) > 0
    assert priced > 3000


def test_figures_finer_than_the_unit_are_noise_of_a_float() -> None:
    """A price is kept in 10^-18 dollars; what is lost of any listed one is less than a millionth of a millionth."""
    for name, entry in Catalogue():
        for field, value in entry.items():
            if is_price(field) and isinstance(value, Decimal) and value:
                assert abs(round(value * ATTO) / (value * ATTO) - 1) < Decimal("1e-9"), (name, field)


def test_the_package_names_a_version_and_the_origin() -> None:
    version = Catalogue().version
    assert version in PACKAGED.with_name("NOTICE").read_text()
    lines = PACKAGED.read_bytes().split(b"\n")
    assert lines[1].startswith(b'"!catalogue": ')
    assert lines[1:-2] == sorted(lines[1:-2], key=lambda line: line.partition(b'": ')[0] + b'"')


def test_all_names_are_found_in_the_package() -> None:
    catalogue = Catalogue()
    names = [name for name, _ in catalogue]
    for name in [*names[:3], *names[::97], *names[-3:]]:
        found = catalogue.find([name])
        assert found is not None
        assert found[0] == name
    for name in ("", "zzzzzz", "gpt-4", "gpt-4o ", "gpt-4o-min", "!", "!catalogu", '"', "\x7f"):
        assert catalogue.find([name]) is None or name in names


@given(st.dictionaries(NAMES, st.fixed_dictionaries({"input_cost_per_token": st.decimals(0, 1, places=9)})))
def test_what_is_written_is_found(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, dict[str, Decimal]]
) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("prices") / "prices.json")
    write(entries, "7", catalogue.file)
    assert catalogue.version == "7"
    assert dict(catalogue) == entries
    for name, entry in entries.items():
        assert catalogue.find(["no such name\n", name]) == (name, entry)


def test_the_first_that_fits_is_found() -> None:
    catalogue = Catalogue()
    found = catalogue.find(["gpt-4o", "azure/gpt-4o"], lambda _, entry: entry["litellm_provider"] == "azure")
    assert found is not None
    assert found[0] == "azure/gpt-4o"


def test_digits_stay_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    entry = {"a": Decimal("1.25E-8"), "b": [Decimal("0.10"), None, True, "x"], "c": {"d": 3}}
    write({"m": entry}, "1", file)
    assert json.loads(file.read_text(), parse_float=Decimal)["m"] == entry
    assert "1.25E-8" in file.read_text()


@pytest.mark.parametrize("text", [b"", b"{}", b"{\nnothing\n}\n", b'{\n"m": {"a": nonsense}\n}\n'])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(text)
    with pytest.raises(ConfigurationError, match=f"{file} cannot be read"):
        Catalogue(file).find(["m"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Catalogue(tmp_path / "nothing.json").find(["m"])


def test_the_installed_one_goes_before_the_packaged_one(tmp_path: Path) -> None:
    environ = {"TIANJI_DATA_DIR": str(tmp_path)}
    assert Catalogue.current(environ).file == PACKAGED
    write({}, "8", tmp_path / "prices.json")
    assert Catalogue.current(environ).version == "8"
    assert Catalogue.current({"XDG_DATA_HOME": str(tmp_path)}).file == PACKAGED


def test_models_are_listed_without_the_sizes_of_pictures(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    entries = {
        "a/one": {"litellm_provider": "a", "mode": "chat", "z": {"litellm_provider": "x"}},
        "1024-x-1024/two": {"litellm_provider": "a"},
        "three": {"input_cost_per_token": 1, "litellm_provider": "b"},
        "nobody's": {"mode": "chat"},
    }
    write(entries, "1", file)
    assert list(Catalogue(file).models()) == [("a/one", "a"), ("three", "b")]
    assert len(list(Catalogue().models())) > 3000
    with pytest.raises(ConfigurationError):
        list(Catalogue(tmp_path / "none.json").models())
