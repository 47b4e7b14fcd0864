"""The tables of management's folders name functions that there are."""

import importlib
import itertools
from operator import attrgetter

import pytest

from tianji.management.administration import FOLDERS
from tianji.management.rows import Row

ROWS = [(folder, row) for folder, families in FOLDERS.items() for row in itertools.chain(*families.values())]


@pytest.mark.parametrize(("folder", "row"), ROWS, ids=lambda part: part.path if isinstance(part, Row) else part)
def test_every_row_has_its_function(folder: str, row: Row) -> None:
    module, _, name = row.function.partition(".")
    assert callable(attrgetter(name)(importlib.import_module(f"tianji.management.{folder}.{module}")))
