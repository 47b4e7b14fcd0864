"""The content filter: what it finds, what it makes of it, and what of its configuration it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.guardrails.looking import OCCASION, asked, built, verdict

from tianji.errors import ConfigurationError
from tianji.guardrails.filtering import category
from tianji.guardrails.filtering.filter import NEAR, Filter, Rule, Wanted
from tianji.guardrails.matching.expressions import Expression
from tianji.guardrails.vendor import reach_of
from tianji.guardrails.vendors.content_filter import TYPE, prebuilt
from tianji.guardrails.verdict import Allow, Block, Rewrite

EMAIL = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
SSN = {"pattern_type": "prebuilt", "pattern_name": "us_ssn", "action": "BLOCK"}
OWN = {"pattern_type": "regex", "name": "ticket", "pattern": r"\bTK-\d{4}\b", "action": "mask"}
WORDS = [{"keyword": "Project X", "action": "MASK"}, {"keyword": "leak", "action": "BLOCK", "description": "secret"}]
EXAMPLES = {
    "us_ssn": "123-45-6789",
    "email": "jane.doe+1@mail.example.org",
    "us_phone": "(212) 555-0187",
    "visa": "4111-1111-1111-1111",
    "mastercard": "5555 5555 5555 4444",
    "amex": "3782 822463 10005",
    "discover": "6011111111111117",
    "credit_card": "4111111111111111",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "github_token": "ghp_" + "a1B2" * 9,
    "slack_token": "xoxb-123456789012-abcdefABCDEF",
    "generic_api_key": "api_key = 'abcdEFGH12345678'",
    "ipv4": "192.168.10.254",
    "ipv6": "2001:db8::8a2e:370:7334",
    "url": "https://example.org/a?b=c",
    "iban": "DE89 3704 0044 0532 0130 00",
    "br_cpf": "529.982.247-25",
    "br_cnpj": "11.222.333/0001-81",
    "br_cep": "01310-100",
    "nl_bsn_contextual": "BSN: 111222333",
    "fr_nir": "2 55 08 14 168 025 38",
    "fr_phone": "+33 6 12 34 56 78",
    "au_abn": "51 824 753 556",
    "sg_nric": "S1234567D",
    "uae_emirates_id": "784-1990-1234567-6",
    "ca_sin": "046-454-286",
    "ca_postal_code": "K1A 0B1",
    "eu_vat": "ATU12345678",
    "passport_us": "passport 123456789",
    "passport_germany": "Reisepass C01X00T47",
    "airline_pnr": "booking reference: X7Y8Z9",
    "flight_number": "flight LH 400",
    "street_address": "221 Old Baker Street",
    "self_harm_suicide": "suicidal",
    "explosives": "a pipe bomb",
}


def prebuilt_only(name: str, action: str = "BLOCK") -> dict[str, Any]:
    return {"patterns": [{"pattern_type": "prebuilt", "pattern_name": name, "action": action}]}


def test_what_is_to_be_masked_is_masked_at_its_place() -> None:
    params = {"patterns": [EMAIL, OWN], "blocked_words": WORDS[:1]}

    said = verdict(TYPE, params, "é🙂 a@b.cc, TK-1234", "nothing", "about project\tx")

    assert isinstance(said, Rewrite)
    assert said.texts == {0: "é🙂 [EMAIL_REDACTED], [TICKET_REDACTED]", 2: "about [KEYWORD_REDACTED]"}
    assert said.findings.entities == {"email": 1, "ticket": 1, "blocked_word": 1}


def test_a_block_goes_before_a_mask_and_says_what_rule_it_was() -> None:
    said = verdict(TYPE, {"patterns": [EMAIL, SSN]}, "a@b.cc 123-45-6789")

    assert isinstance(said, Block)
    assert (said.reason, said.detail) == ("Content blocked: us_ssn pattern detected", {"pattern": "us_ssn"})
    assert "6789" not in repr(said)


def test_a_blocked_word_is_found_within_others_whatever_its_case() -> None:
    said = verdict(TYPE, {"blocked_words": WORDS}, "It LEAKED")

    assert isinstance(said, Block)
    assert said.reason == "Content blocked: keyword 'leak' detected (secret)"


def test_masks_are_those_of_the_configuration() -> None:
    form = {"pattern_redaction_format": "<{pattern_name}>", "keyword_redaction_tag": "***"}
    said = verdict(TYPE, {"patterns": [EMAIL], "blocked_words": WORDS[:1], **form}, "project x: a@b.cc")

    assert isinstance(said, Rewrite)
    assert said.texts == {0: "***: <EMAIL>"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_prebuilt_pattern_finds_its_example(name: str) -> None:
    assert isinstance(verdict(TYPE, prebuilt_only(name), f"see {EXAMPLES[name]}."), Block)


@pytest.mark.parametrize("name", sorted(prebuilt()))
def test_a_prebuilt_pattern_is_bounded_and_quiet_where_there_is_nothing(name: str) -> None:
    look = built(TYPE, prebuilt_only(name))

    assert reach_of(TYPE, look)
    assert (
        look(asked("Please translate the following letter into French, in a friendly tone, thanks."), OCCASION)
        == Allow()
    )


@pytest.mark.parametrize("name", sorted(category.names()))
def test_a_category_is_whole_and_finds_its_own_words(name: str) -> None:
    found = category.shipped(name)
    params = {"categories": [{"category": name, "severity_threshold": "low"}]}

    assert found.keywords
    for keyword in found.keywords:
        word = keyword.keyword.replace("*", "")
        said = verdict(TYPE, params, f"Well, {word}")
        assert isinstance(said, Block), word
        assert said.detail["category"] == name
    assert verdict(TYPE, params, "Please translate this letter about our garden into French.") == Allow()


def mine(folder: Path, **rules: Any) -> dict[str, Any]:
    (folder / "mine.yaml").write_text(json.dumps(rules))
    return {"categories": [{"category": "mine", "category_file": "mine.yaml"}]}


def test_severities_below_the_threshold_pass(tmp_path: Path) -> None:
    words = [{"keyword": "bad", "severity": "medium"}, {"keyword": "worse", "severity": "high"}]
    params = mine(tmp_path, keywords=words)
    strict = {"categories": [{**params["categories"][0], "severity_threshold": "high"}]}

    assert isinstance(verdict(TYPE, params, "bad", folder=tmp_path), Block)
    assert verdict(TYPE, strict, "bad", folder=tmp_path) == Allow()
    said = verdict(TYPE, strict, "worse", folder=tmp_path)
    assert isinstance(said, Block)
    assert said.reason == "Content blocked: mine category keyword 'worse' detected (severity: high)"
    assert said.detail == {"category": "mine", "keyword": "worse", "severity": "high"}


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("a bomb", True),
        ("bombastic", False),  # one word stands alone
        ("a bath bomb", False),
        ("bath bombs! And a bomb", True),  # another sentence
        ("bath bomb" + "x" * NEAR + " bomb", True),  # too far away
        ("how to blow upon it", True),  # a phrase is found anywhere
        ("my sht", True),
        ("my shit", True),
        ("my shiit", False),
        ("bath bomb, always", True),
        ("neighbours are great", False),
        ("neighbours are lazy", True),
        ("I am lazy. My neighbours are great", False),
        ("my neighbours, when they take a bath bomb, are lazy", False),
    ],
)
def test_what_stands_beside_a_word_decides(text: str, blocked: bool, tmp_path: Path) -> None:
    params = mine(
        tmp_path,
        keywords=[{"keyword": word} for word in ("bomb", "blow up", "sh*t")],
        exceptions=["bath bomb"],
        always_block_keywords=["always"],
        identifier_words=["neighbours"],
        additional_block_words=["lazy"],
    )

    assert isinstance(verdict(TYPE, params, text, folder=tmp_path), Block) is blocked


def test_a_category_says_what_happens_unless_its_entry_does(tmp_path: Path) -> None:
    params = mine(tmp_path, default_action="mask", phrase_patterns=["b[ou]mb"])
    blocking = {"categories": [{**params["categories"][0], "action": "BLOCK"}]}

    said = verdict(TYPE, params, "a Bumb", folder=tmp_path)
    assert isinstance(said, Rewrite)
    assert said.texts == {0: "a [KEYWORD_REDACTED]"}
    assert isinstance(verdict(TYPE, blocking, "a Bumb", folder=tmp_path), Block)


def test_the_short_form_of_a_file_counts_severities(tmp_path: Path) -> None:
    (tmp_path / "short.json").write_text(
        '[{"match": "one|two words", "severity": 1}, {"match": "three", "severity": 4}]'
    )
    params = {"categories": [{"category": "short", "category_file": "short.json"}]}

    assert verdict(TYPE, params, "one and two words", folder=tmp_path) == Allow()
    assert isinstance(verdict(TYPE, params, "three", folder=tmp_path), Block)


def test_words_come_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("blocked_words:\n  - {keyword: hush, action: BLOCK}\n")

    assert isinstance(verdict(TYPE, {"blocked_words_file": "words.yaml"}, "Hush!", folder=tmp_path), Block)


def test_a_file_elsewhere_is_refused_unless_the_environment_lets_it(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("blocked_words: [{keyword: hush}]")
    (tmp_path / "inner").mkdir()
    params = {"blocked_words_file": "../words.yaml"}
    lifted = {"LITELLM_CONTENT_FILTER_ALLOW_EXTERNAL_PATHS": "true"}

    with pytest.raises(ConfigurationError, match="outside"):
        built(TYPE, params, tmp_path / "inner")
    assert isinstance(verdict(TYPE, params, "hush", folder=tmp_path / "inner", **lifted), Block)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"patterns": [{"pattern_type": "prebuilt", "pattern_name": "us_sn"}]}, "'us_sn' is no prebuilt pattern"),
        ({"patterns": [{"pattern_type": "regex", "name": "mine"}]}, "mine has no `pattern`"),
        ({"patterns": [{"pattern_type": "regex", "name": "mine", "pattern": "(?=a)"}]}, "mine: .*no look-around"),
        ({"blocked_words": [{"keyword": ""}]}, "is empty"),
        ({"categories": [{"category": "harmful"}]}, "'harmful' is no category"),
        ({"categories": [{"category": "../category"}]}, "is no category"),
        ({"categories": [{"category": "religion", "severity_threshold": "huge"}]}, "'huge' is no severity"),
        ({"categories": [{"category": "x", "category_file": "none.yaml"}]}, "none.yaml cannot be read"),
        ({"blocked_words_file": "broken.yaml"}, "broken.yaml: .*blocked_words"),
    ],
)
def test_what_cannot_be_looked_for_stops_the_start(params: dict[str, Any], says: str, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("words: [a]")

    with pytest.raises(ConfigurationError, match=says):
        built(TYPE, params, tmp_path)


def test_a_category_that_is_off_is_not_looked_for() -> None:
    assert verdict(TYPE, {"categories": [{"category": "harm_toxic_abuse", "enabled": False}]}, "bastard") == Allow()


@pytest.mark.parametrize(
    ("params", "reach"),
    [
        ({}, 0),
        ({"patterns": [OWN]}, 9),
        ({"blocked_words": WORDS}, 11),
        ({"categories": [{"category": "harm_toxic_abuse_de"}]}, len("vergasen sollte man") + 2),
        ({"patterns": [{"pattern_type": "regex", "pattern": "a+"}]}, None),
    ],
)
def test_how_far_a_finding_may_span(params: dict[str, Any], reach: int | None) -> None:
    assert reach_of(TYPE, built(TYPE, params)) == reach


STREAMED = st.lists(
    st.sampled_from(["bomb ", "bath bomb ", "lazy ", "neighbours ", ". ", " x" * 60 + " ", "TK-1234", "5", "always"]),
    max_size=14,
)
HARM = category.Category(
    name="harm",
    keywords=(category.Keyword("bomb"),),
    always=(category.Keyword("always"),),
    exceptions=("bath bomb",),
    identifiers=("neighbours",),
    partners=(category.Keyword("lazy"),),
)
TICKET = (Expression("ticket", r"\bTK-\d{4}\b"), Rule("ticket", category.Action.MASK, "*", ""))
FILTER = Filter([TICKET], [], [Wanted(HARM, category.Action.BLOCK, category.Severity.LOW)], "*")


def places(text: str, offset: int = 0) -> set[tuple[int, int, str]]:
    return {(offset + start, offset + end, rule.name) for start, end, rule in FILTER.find(text)}


@given(STREAMED, st.integers(1, 60))
@example(["bomb ", "bath bomb ", " x" * 300], 1)
def test_a_text_that_grows_is_judged_as_the_whole_is(parts: list[str], step: int) -> None:
    """What lies farther back than the reach is found in a beginning as it is in the whole; so it is in a window."""
    text = "".join(parts)
    whole = places(text)
    assert FILTER.reach is not None

    for cut in range(0, len(text), step):
        settled = cut - FILTER.reach
        assert {found for found in places(text[:cut]) if found[1] <= settled} == {
            found for found in whole if found[1] <= settled
        }
        if text[cut].isspace():
            fresh = cut + FILTER.reach
            assert {found for found in places(text[cut:], cut) if found[0] >= fresh} == {
                found for found in whole if found[0] >= fresh
            }
