"""Names with prefixes."""

from hypothesis import given
from hypothesis import strategies as st

from tianji.mcp.naming import parted, plain, prefixed, separator

NAMES = st.text(min_size=1, max_size=12)


@given(st.lists(NAMES, min_size=1, unique=True), NAMES, st.sampled_from(["-", "__", "/"]), st.data())
def test_a_name_finds_its_server_again(prefixes: list[str], name: str, between: str, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from(prefixes))
    found = parted(prefixed(prefix, name, between), prefixes, between)
    assert found is not None
    # another prefix may be a longer beginning of the same name; whatever it finds, the name is the same
    assert prefixed(*found, between) == prefixed(prefix, name, between)
    assert len(found[0]) >= len(prefix)


@given(st.text(max_size=20), st.lists(NAMES))
def test_any_text_is_parted_or_not(text: str, prefixes: list[str]) -> None:
    found = parted(text, prefixes, "-")
    assert found is None or (found[0] in prefixes and f"{found[0]}-{found[1]}" == text and found[1])


def test_the_separator_is_the_environments() -> None:
    assert separator({}) == "-"
    assert separator({"MCP_TOOL_PREFIX_SEPARATOR": "__"}) == "__"
    assert plain("my server") == "my_server"
    assert parted("a-b-tool", ["a", "a-b"], "-") == ("a-b", "tool")
    assert parted("a-", ["a"], "-") is None
