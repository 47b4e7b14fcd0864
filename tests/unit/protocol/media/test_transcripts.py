"""Transcripts as text and as subtitles."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import UnsupportedParams
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import Asked
from tianji.protocol.media.transcripts import Transcript, Word, answer_of, printed

CUE = re.compile(r"(\d\d):(\d\d):(\d\d)[,.](\d{3}) --> (\d\d):(\d\d):(\d\d)[,.](\d{3})\n(.*)\n")
SPOKEN = [
    Word("Well,", 0.0, 0.4),
    Word("yes.", 0.5, 0.9),
    Word("It", 1.0, 1.2),
    Word("rains", 3.5, 3.9),
    Word("--> now", 3661.25, 3662.0),
]


def shown(form: str, found: Transcript) -> str:
    asked = Asked("transcription", Target(provider="p", model="m"), {"response_format": form})
    made = printed(asked)
    assert made
    return made[1](answer_of(found)).decode()


def test_lines_are_sentences_and_end_where_nobody_speaks() -> None:
    found = Transcript("Well, yes. It rains --> now", SPOKEN, "en", 3700.0)
    assert [line["text"] for line in answer_of(found)["segments"]] == ["Well, yes.", "It", "rains", "-> now"]
    assert shown("srt", found).endswith("4\n01:01:01,250 --> 01:01:02,000\n-> now\n\n")
    assert shown("vtt", found).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.900\nWell, yes.\n\n")
    assert shown("text", found) == "Well, yes. It rains --> now\n"


def test_what_nobody_timed_is_one_line() -> None:
    assert shown("srt", Transcript("one two", [], None, 2.5)) == "1\n00:00:00,000 --> 00:00:02,500\none two\n\n"
    assert shown("vtt", Transcript("", [])) == "WEBVTT\n"


def test_words_that_the_text_has_otherwise_are_lost_to_no_line() -> None:
    found = Transcript("東京は 雨。はい", [Word("東京", 0, 1), Word("ame", 1, 2), Word("はい", 2, 3)])
    assert "".join(line["text"].replace(" ", "") for line in answer_of(found)["segments"]) == "東京は雨。はい"


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=12), st.floats(0, 5), st.floats(0, 5)), max_size=30),
    st.sampled_from(["", " ", "\n\n"]),
)
def test_every_line_is_one_and_all_of_the_text_is_there(said: list[tuple[str, float, float]], between: str) -> None:
    now, words = 0.0, []
    for text, pause, length in said:
        words.append(Word(text, now + pause, now + pause + length))
        now += pause + length
    found = Transcript(between.join(word.word for word in words), words)
    written = shown("srt", found)
    cues = CUE.findall(written)
    assert "".join(
        f"{number}\n{cue[0]}\n" for number, cue in enumerate(((m[0],) for m in CUE.finditer(written)), 1)
    ) == (written)
    whole = "".join(found.text.split()).replace("-->", "->")
    assert "".join("".join(cue[8].split()) for cue in cues) == whole or "--" in whole
    times = [[int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in (c[:4], c[4:8])] for c in cues]
    assert all(begin <= end for begin, end in times)
    assert [begin for begin, _ in times] == sorted(begin for begin, _ in times)


def test_a_form_that_there_is_not_is_refused_or_left_out() -> None:
    for drops in (False, True):
        asked = Asked("transcription", Target(provider="p", model="m", drop_params=drops), {"response_format": "morse"})
        if drops:
            assert printed(asked) is None
        else:
            with pytest.raises(UnsupportedParams, match="srt"):
                printed(asked)
