"""Which routes a key is confined to."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.access import Access
from tianji.auth.routes import GROUPS, PRESETS, narrower, permitted

ENTRIES = ["/key", "/key/info", "/key*", "/key/*", "/k*", "*", "/team/list", "openai_routes", "info_routes"]
PATHS = ["/key", "/key/info", "/key/info/x", "/keys", "/team/list", "/v1/chat/completions", "/"]
ROWS = [
    SimpleNamespace(access=access, tags=(tag,), path="/") for access in Access for tag in ("models", "keys", "health")
]


@pytest.mark.parametrize(
    ("entry", "paths"),
    [
        ("/key", {"/key", "/key/info", "/key/info/x"}),
        ("/key/", {"/key/info", "/key/info/x"}),
        ("/key/info", {"/key/info", "/key/info/x"}),
        ("/key*", {"/key", "/key/info", "/key/info/x", "/keys"}),
        ("*", set(PATHS)),
        ("nonsense", set()),
    ],
)
def test_paths(entry, paths):
    assert {path for path in PATHS if permitted([entry], path, ROWS[0])} == paths


def test_groups():
    def row(access, tag):
        return SimpleNamespace(access=access, tags=(tag,), path="/")

    chat, key, mine = row(Access.KEY, "models"), row(Access.USER, "keys"), row(Access.INFO, "keys")
    assert [permitted(["llm_api_routes"], "/", one) for one in (chat, key, mine)] == [True, False, False]
    assert [permitted(["management_routes"], "/", one) for one in (chat, key, mine)] == [False, True, True]
    assert [permitted(["info_routes"], "/", one) for one in (chat, key, mine)] == [False, False, True]


def test_every_preset_is_of_groups_that_exist():
    assert {name for names in PRESETS.values() for name in names} <= GROUPS.keys()


@given(st.lists(st.sampled_from(ENTRIES), max_size=3), st.lists(st.sampled_from(ENTRIES), max_size=3))
def test_who_is_narrower_permits_nothing_more(child, parent):
    if not narrower(child, parent):
        return
    for row in ROWS:
        for path in PATHS:
            below = not child or permitted(child, path, row)
            above = not parent or permitted(parent, path, row)
            assert above or not below
