"""Nothing leaves before it was judged, whatever the form, the cuts and the guardrails."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.streaming.streams import EVERY, Guard, Run, events, heard, repeated, run

from tianji.guardrails.streaming.policy import Policy, Scan

WINDOW = Policy(Scan.WINDOW, hold=12, every=1)
ALL = Policy(Scan.ALL, every=1)
HELD = Policy(Scan.ALL, hold=12, every=1)
END = Policy(Scan.END)
POLICIES = {"window": WINDOW, "all": ALL, "held": HELD, "end": END}
SECRET = r"(?<![a-z])sk-[0-9]{4}(?![0-9])"
"""Eight code points at most, with what it has to see around it ten."""

WORDS = st.lists(
    st.sampled_from(["sk-", "12", "3456", "7", "sk-1234", " ", "a", "é🙂", "\n", '"', "\\", "b c"]), max_size=30
)
CUTS = st.lists(st.integers(0, 6000), max_size=12)
NAMES = st.sampled_from(list(EVERY))


@given(NAMES, WORDS, CUTS, st.sampled_from(list(POLICIES)))
def test_what_is_allowed_goes_out_as_it_came(name: str, words: list[str], cuts: list[int], policy: str) -> None:
    data = EVERY[name][1](words)

    driven = run(name, data, [Guard(POLICIES[policy]), Guard(END)], cuts)

    assert driven.out == data
    assert driven.stream.done


@given(NAMES, WORDS, CUTS, st.sampled_from(["window", "held", "end"]))
def test_what_is_masked_is_what_a_mask_of_the_whole_is(
    name: str, words: list[str], cuts: list[int], policy: str
) -> None:
    data = EVERY[name][1](words)

    driven = run(name, data, [Guard(POLICIES[policy], masks=SECRET)], cuts)

    assert heard(driven.out) == re.sub(SECRET, "<X>", "".join(words))
    assert len(events(driven.out)) == len(events(data))
    assert repeated(driven.out) <= {re.sub(SECRET, "<X>", "".join(words)), ""}
    assert driven.stream.done


@given(NAMES, WORDS, CUTS, st.sampled_from(["window", "held", "end"]))
def test_what_is_refused_as_a_whole_does_not_go_out(name: str, words: list[str], cuts: list[int], policy: str) -> None:
    text = "".join(words)
    found = re.search(SECRET, text)

    driven = run(name, EVERY[name][1](words), [Guard(POLICIES[policy], refuses=SECRET)], cuts)

    assert (driven.stream.stopped is not None) == (found is not None)
    if found is not None:
        assert text.startswith(heard(driven.out))
        assert len(heard(driven.out)) <= found.start()
    else:
        assert heard(driven.out) == text


@given(NAMES, WORDS, CUTS)
def test_without_a_reach_what_was_scanned_goes_out_and_never_all_of_a_finding(
    name: str, words: list[str], cuts: list[int]
) -> None:
    text = "".join(words)
    found = re.search(SECRET, text)

    driven = run(name, EVERY[name][1](words), [Guard(ALL, refuses=SECRET)], cuts)

    assert text.startswith(heard(driven.out))
    if found is not None:
        assert driven.stream.stopped is not None
        assert len(heard(driven.out)) < found.end()


@given(NAMES, WORDS, CUTS)
def test_guards_see_what_those_before_them_have_made(name: str, words: list[str], cuts: list[int]) -> None:
    first = Guard(WINDOW, masks=SECRET, replacement="sk-0000")
    second = Guard(WINDOW, masks="sk-0000", replacement="#")

    driven = run(name, EVERY[name][1](words), [first, second], cuts)

    expected = re.sub("sk-0000", "#", re.sub(SECRET, "sk-0000", "".join(words)))
    assert heard(driven.out) == expected


@given(NAMES, WORDS)
def test_pieces_of_one_byte_change_nothing(name: str, words: list[str]) -> None:
    data = EVERY[name][1](words[:6])
    whole = run(name, data, [Guard(END, masks=SECRET)])

    assert run(name, data, [Guard(END, masks=SECRET)], range(len(data))).out == whole.out


@pytest.mark.parametrize("name", EVERY)
def test_a_window_is_released_as_it_goes(name: str) -> None:
    words = [f"word{number:03} " for number in range(100)]
    data = EVERY[name][1](words)
    driven = Run(EVERY[name][0], [(WINDOW, Guard(WINDOW))], as_array=name == "gemini array")

    driven.feed(data[: len(data) // 2])

    half = data[: len(data) // 2]
    assert len(heard(half[: half.rfind(b"data")] if not half.startswith(b"[") else half[: half.rfind(b",\r\n")])) - len(
        heard(driven.out)
    ) <= WINDOW.hold + 2 * len(words[0])
    assert driven.stream.begun


@pytest.mark.parametrize("name", EVERY)
def test_nothing_begins_before_something_was_judged(name: str) -> None:
    data = EVERY[name][1](["sk-1234", " and more of it"])
    driven = run(name, data, [Guard(WINDOW, refuses=SECRET)], range(0, len(data), 7))

    assert not driven.stream.begun
    assert driven.out == b""


@pytest.mark.parametrize("policy", [WINDOW, ALL, HELD, END], ids=POLICIES)
def test_all_scans_together_stay_linear(policy: Policy) -> None:
    words = ["lorem ipsum "] * 3000
    guard = Guard(policy)

    run("chat", EVERY["chat"][1](words), [guard])

    assert guard.looked_at <= 16 * len("".join(words))
    assert not any(content.whole for content in guard.seen[:-1])


def test_a_finding_that_the_next_words_undo_refuses_nothing() -> None:
    data = EVERY["chat"][1](["sk-1234", "5 is longer", " than a key has to be"])
    guard = Guard(WINDOW, refuses=SECRET)

    driven = run("chat", data, [guard], range(0, len(data), 5))

    assert driven.out == data
    assert any(re.search(SECRET, content.joined()) for content in guard.seen)


def test_comments_and_pings_overtake_what_is_held_once_the_answer_has_begun() -> None:
    driven = Run("chat", [(END, Guard(END))])
    assert driven.feed(b": ping\n\n") == b""
    assert driven.feed(EVERY["chat"][1](["a"])[:-20]) == b""

    window = Run("messages", [(WINDOW, Guard(WINDOW))])
    data = EVERY["messages"][1](["some words ", "that go out ", "tail"])
    window.feed(data[: data.index(b"event: content_block_stop")])
    assert window.stream.begun
    assert window.feed(b'event: ping\ndata: {"type": "ping"}\n\n') == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert window.feed(b": alive\n\n") == b": alive\n\n"
