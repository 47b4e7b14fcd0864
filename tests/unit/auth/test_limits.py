"""A child never exceeds its parent: the arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.limits import BOUNDED, exceeded

ROWS = st.dictionaries(st.sampled_from(BOUNDED), st.none() | st.integers(0, 5))


def in_force(*rows):
    """Each limit that holds for a request held against all rows: the smallest."""
    found = {}
    for name in BOUNDED:
        values = [row[name] for row in rows if row.get(name) is not None]
        found[name] = min(values, default=None)
    return found


@given(ROWS, ROWS)
def test_a_child_that_does_not_exceed_is_as_bound_as_it_says(child, parent):
    over = exceeded(child, parent)
    both = in_force(child, parent)
    own = {name: value for name, value in child.items() if value is not None}
    assert (over is None) == all(both[name] == value for name, value in own.items())


@given(ROWS, ROWS)
def test_whatever_it_says_its_parent_is_never_passed(child, parent):
    both = in_force(child, parent)
    assert all(both[name] <= value for name, value in parent.items() if value is not None)


@given(ROWS)
def test_nobody_exceeds_himself_or_somebody_without_limits(row):
    assert exceeded(row, row) is None
    assert exceeded(row, {}) is None


@given(ROWS, ROWS, ROWS)
def test_who_fits_into_a_part_fits_into_the_whole(child, parent, grandparent):
    full = {name: (row if (row := parent.get(name)) is not None else 0) for name in BOUNDED}
    if exceeded(child, full) is None and exceeded(full, grandparent) is None:
        assert exceeded(child, grandparent) is None


def test_it_says_which():
    assert exceeded({"max_budget": 5, "rpm_limit": 3}, {"max_budget": 5, "rpm_limit": 2}) == "rpm_limit"
