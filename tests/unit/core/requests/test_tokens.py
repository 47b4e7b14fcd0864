"""Counts agree with tiktoken on everything, and with the rule itself on vocabularies that tiktoken never saw."""

import itertools
import random
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import reference

from tianji._core.requests.tokens import Vocabulary

ROOT = Path(__file__).parents[4]
RULES = {"o200k_base": ("o200k", 199_998), "cl100k_base": ("cl100k", 100_256)}
VOCABULARIES = {
    name: Vocabulary(rule, tokens, lambda name=name: reference.unpacked(name)) for name, (rule, tokens) in RULES.items()
}
GENERATOR = runpy.run_path(str(ROOT / "ext" / "generate" / "unicode_classes.py"))
CLASSES = GENERATOR["classes"]()
EDGES = [code for code in range(1, 0x110000) if CLASSES[code] != CLASSES[code - 1]]  # where another class begins
CHARACTERS = [chr(code + step) for code in EDGES for step in (-1, 0)]  # none of them is a surrogate
ALPHABETS = [  # what the patterns tell apart, mixed so that their alternatives compete
    "abcABC'sStTdDmMlLvVrReE \u017f",
    "aA中\u0301\u0903ǅʰ\u017f' \n!",
    " \t\n\r\u00a0\u2003\u3000x1!",
    "0123456789٣½Ⅷa ",
    "!/\n\r.-_=*()[]{}<>|#a ",
    "中文字天機网关\uff0c。の한글\u3099 ",
    "😀👩\u200d💻🏽🇩🇪❤️ a",
    "<|endoftext|>",
]
TEXTS = st.one_of(*(st.text(alphabet, max_size=60) for alphabet in ALPHABETS), st.text(max_size=40))
TEXTS_OF_TEXTS = st.lists(TEXTS, max_size=6).map("".join)
both = pytest.mark.parametrize("name", reference.NAMES)


def agree(name: str, text: str) -> None:
    assert VOCABULARIES[name].count(text) == len(reference.encoding(name).encode_ordinary(text)), repr(text[:300])


@both
@given(text=TEXTS_OF_TEXTS)
def test_any_text(name: str, text: str) -> None:
    agree(name, text)


@both
@given(text=st.text(st.characters(categories=["Cs", "L", "Zs"]), max_size=12))
def test_lone_surrogates_count_as_they_do_in_tiktoken(name: str, text: str) -> None:
    agree(name, text)


@both
def test_samples(name: str) -> None:
    for text in (
        "",
        "Hello, world! It's HE'LL-bent; they'Re 12345678 a\u0301b\r\n\r\n  \t x",
        "def f(x):\n\treturn {'a': x ** 2}  # 50% off\n\n\n",
        "天机网关是统一入口。東京は雨です。오늘은 맑다.",
        "👩\u200d👩\u200d👧\u200d👦 ok 🇩🇪🇫🇷 ❤️",
        "<|endoftext|><|im_start|>",
        "Straße ΑΒΓαβγ ПРИВЕТ привет שלום مرحبا नमस्ते ภาษาไทย",
        "\ud800a\udc00 \ud83d\ude00",
    ):
        agree(name, text)


@both
def test_this_tree(name: str) -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("ext/**/*.pyx"), *ROOT.glob("src/tianji/**/*.py")]:
        agree(name, path.read_text(encoding="utf-8"))


@both
@pytest.mark.parametrize(
    "context", ["{}", "a{}a ", " {} ", "A{}b{}'S ", "!{}\n/", "1{}1", "{0}{0} ", "\n{} '{}", "  {}"]
)
def test_characters_of_every_class_in_every_neighbourhood(name: str, context: str) -> None:
    for character in CHARACTERS:
        agree(name, context.replace("{}", character).replace("{0}", character))


def test_the_table_of_classes_is_what_tiktokens_engine_knows() -> None:
    made = GENERATOR["header"](bytes(CLASSES))
    assert made == (ROOT / "ext" / "include" / "unicode_classes.h").read_text(), "run ext/generate/unicode_classes.py"


@both
def test_a_vocabulary_can_be_packed_again(name: str) -> None:
    generator = runpy.run_path(str(ROOT / "ext" / "generate" / "vocabulary.py"))
    tokens = reference.tokens_of(reference.unpacked(name))[:20_000]
    packed = generator["packed"]({token: rank for rank, token in enumerate(tokens)})
    assert reference.tokens_of(packed) == tokens
    assert Vocabulary(RULES[name][0], 20_000, lambda: packed).count("hello") > 0


@both
def test_every_token_and_every_token_doubled(name: str) -> None:
    for token in reference.tokens_of(reference.unpacked(name)):
        text = token.decode("utf-8", "ignore")
        agree(name, text)
        agree(name, text + text)
        agree(name, text + "\x00" + text)


@both
@pytest.mark.parametrize(
    "row", ["a", "A", "-", "=", " ", "\n", "*", "#", "/", "_", "0", "天", "😀", "\u0301", "-=", " \n"]
)
def test_rows_of_one_character(name: str, row: str) -> None:
    for length in [*range(1, 140), 500, 511, 512, 513, 1000, 4096, 20_000]:
        agree(name, row * length)
    agree(name, "x" + row * 300 + "y" + row * 65 + "\n" + row * 513)


@both
def test_rows_of_rows(name: str) -> None:
    dice = random.Random(7)
    for _ in range(200):
        signs = dice.sample("-=_*#.~+", 3)
        agree(name, "".join(dice.choice(signs) * dice.randrange(1, 90) for _ in range(20)))


@both
def test_the_time_grows_no_faster_than_the_text(name: str) -> None:
    """Where it grew with the square, this would take hours."""
    vocabulary = VOCABULARIES[name]
    for row in "a-":
        once = vocabulary.count(row * 20_480)
        assert vocabulary.count(row * 2_048_000) == once * 100


@both
@given(text=TEXTS_OF_TEXTS, offset=st.integers(-3, 3))
def test_at_most_is_a_comparison(name: str, text: str, offset: int) -> None:
    vocabulary = VOCABULARIES[name]
    count = vocabulary.count(text)
    assert vocabulary.at_most(text, count + offset) is (offset >= 0)
    for limit in (-1, 0, len(text), 4 * len(text)):
        assert vocabulary.at_most(text, limit) is (count <= limit)


def refuse() -> bytes:
    raise AssertionError("nothing had to be counted")


def test_a_limit_out_of_reach_needs_no_count() -> None:
    vocabulary = Vocabulary("o200k", 199_998, refuse)
    assert vocabulary.at_most("word " * 10, 200)
    assert not vocabulary.at_most("word " * 1000, 19)
    assert not vocabulary.ready
    with pytest.raises(AssertionError, match="nothing had to be counted"):
        vocabulary.at_most("word " * 10, 11)


def test_it_is_loaded_on_first_use_and_once() -> None:
    calls = []

    def load() -> bytes:
        calls.append(1)
        return reference.unpacked("cl100k_base")

    vocabulary = Vocabulary("cl100k", 100_256, load)
    assert (vocabulary.ready, calls) == (False, [])
    assert vocabulary.count("hello world") == vocabulary.count("hello there") == 2
    assert (vocabulary.ready, calls) == (True, [1])


def test_what_a_child_loads_its_parent_has() -> None:
    code = """
import os
from tests.fakes import reference
from tianji._core.requests.tokens import Vocabulary
loads = []
def load():
    loads.append(1)
    return reference.unpacked("cl100k_base")
vocabulary = Vocabulary("cl100k", 100_256, load)
child = os.fork()
if child == 0:
    os._exit(vocabulary.count("hello world"))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
assert vocabulary.ready and vocabulary.count("hello world") == 2 and loads == []
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_other_threads_run_while_it_counts() -> None:
    vocabulary = VOCABULARIES["o200k_base"]
    vocabulary.prepare()
    text = "The weather in Paris is mild today. " * 1_000_000
    state = {"started": False, "done": False}

    def count() -> None:
        state["started"] = True
        vocabulary.count(text)
        state["done"] = True

    thread = threading.Thread(target=count)
    thread.start()
    turns = 0
    while not state["done"]:
        turns += state["started"]
    thread.join()
    assert turns > 1000, "it held the GIL"


def pack(single: bytes, halves: list[tuple[int, int]]) -> bytes:
    columns = [bytes(pair[side] >> shift & 255 for pair in halves) for side in (0, 1) for shift in (0, 8, 16)]
    return single + b"".join(columns)


@st.composite
def vocabularies(draw: st.DrawFn) -> tuple[bytes, dict[bytes, int]]:
    """A small vocabulary over a few letters, packed, with its ranks."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    halves: list[tuple[int, int]] = []
    tokens = list(ranks)
    letters = [b"a", b"b", b"c"][: draw(st.integers(1, 3))]
    for _ in range(draw(st.integers(1, 25))):
        known = letters + tokens[256:]
        left, right = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        if left + right not in ranks and reference.merged(left + right, ranks) == [left, right]:
            halves.append((ranks[left], ranks[right]))
            ranks[left + right] = len(tokens)
            tokens.append(left + right)
    return pack(bytes(range(256)), halves), ranks


@given(vocabularies(), st.text("abc", min_size=1, max_size=80), st.integers(1, 12))
def test_any_vocabulary(vocabulary: tuple[bytes, dict[bytes, int]], text: str, times: int) -> None:
    packed, ranks = vocabulary
    for piece in (text, text * times):
        expected = 1 if piece.encode() in ranks else len(reference.merged(piece.encode(), ranks))
        assert Vocabulary("cl100k", len(ranks), lambda: packed).count(piece) == expected


BYTES = bytes(range(256))
JOINTS = "aA's\u017f中\u0301 \t\n\r1!/"
HALVES = [(left, right) for left in sorted(set(JOINTS.encode())) for right in sorted(set(JOINTS.encode()))]
PAIRS = {bytes([byte]): byte for byte in range(256)} | {bytes(pair): 256 + i for i, pair in enumerate(HALVES)}
IN_PAIRS = {name: reference.with_pattern(name, PAIRS) for name in reference.NAMES}


@both
def test_pieces_end_where_they_do_in_tiktoken(name: str) -> None:
    """With any two bytes a token, it shows in the count where a piece ends, as it does not with real vocabularies."""
    vocabulary = Vocabulary(RULES[name][0], len(PAIRS), lambda: pack(BYTES, HALVES))
    for length in range(1, 5):
        for letters in itertools.product(JOINTS, repeat=length):
            text = "".join(letters)
            assert vocabulary.count(text) == len(IN_PAIRS[name].encode_ordinary(text)), repr(text)


@pytest.mark.parametrize(
    ("packed", "tokens"),
    [
        (b"", 256),
        (BYTES, 257),
        (pack(BYTES, [(97, 98)]), 256),
        (pack(BYTES, [(97, 256)]), 257),
        (pack(BYTES, [(256, 97)]), 257),
        (pack(BYTES, [(97, 98), (97, 98)]), 258),
        (pack(BYTES, [(97, 98), (98, 99), (256, 99), (97, 257)]), 260),
        (pack(BYTES, [(97, 97), *((256 + i, 256 + i) for i in range(8))]), 265),
        (bytes(256), 256),
    ],
    ids=[
        "empty",
        "short",
        "long",
        "right_too_high",
        "left_too_high",
        "pair_twice",
        "token_twice",
        "too_long",
        "byte_twice",
    ],
)
def test_a_damaged_vocabulary_is_refused(packed: bytes, tokens: int) -> None:
    vocabulary = Vocabulary("o200k", tokens, lambda: packed)
    with pytest.raises(ValueError, match="vocabulary"):
        vocabulary.count("abc")
    assert not vocabulary.ready


@pytest.mark.parametrize(("rule", "tokens"), [("p50k", 1000), ("o200k", 255), ("o200k", 1 << 21)])
def test_a_vocabulary_is_described_properly(rule: str, tokens: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        Vocabulary(rule, tokens, refuse)


def test_nothing_but_text_is_counted() -> None:
    vocabulary = VOCABULARIES["o200k_base"]
    for text in (None, b"bytes"):
        with pytest.raises(TypeError):
            vocabulary.count(text)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            vocabulary.at_most(text, 1)  # type: ignore[arg-type]
