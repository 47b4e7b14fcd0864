"""The content filter's sense of competitors: whom a request names, and what it wants of them."""

from typing import Any

import pytest
from tests.unit.guardrails.looking import OCCASION, answered, built, verdict

from tianji.errors import ConfigurationError
from tianji.guardrails.vendors.content_filter import TYPE
from tianji.guardrails.verdict import Allow, Answer, Block, Verdict

OURS = {"brand_self": ["Emirates", "Acme Air"]}
SHOP = {
    "competitor_intent_type": "generic",
    "brand_self": ["Acme"],
    "competitors": ["Globex", "Acme Plus Rival", "Paris"],
    "competitor_aliases": {"Globex": ["GBX"]},
    "locations": ["Paris"],
    "domain_words": ["anvil"],
}


def said(config: dict[str, Any], text: str) -> Verdict:
    return verdict(TYPE, {"competitor_intent_config": config}, text)


def intent(found: Verdict) -> str:
    return found.findings.categories[0] if found.findings.categories else ""


@pytest.mark.parametrize(
    ("config", "text", "wanted"),
    [
        (OURS, "Is Lufthansa better than you?", "competitor_comparison"),
        (OURS, "Lufthansa lost my bag", "possible_competitor_comparison"),
        (OURS, "Is Emirates better in summer?", ""),
        (OURS, "Which airline is best to Paris?", "category_ranking"),
        (OURS, "Which book is best?", ""),
        (OURS, "We are united", ""),  # a word as often as a name
        (OURS, "United vs you", "competitor_comparison"),
        (OURS, "Is Luft\u200bhansa better?", "competitor_comparison"),
        (OURS, "Is Lufth4n5a better?", "competitor_comparison"),
        (OURS, "lufthansas", ""),
        (SHOP, "globex or us, which would you recommend?", "competitor_comparison"),
        (SHOP, "GBX has one", "possible_competitor_comparison"),
        (SHOP, "the Acme Plus Rival has one", "possible_competitor_comparison"),
        (SHOP, "I live in Paris", ""),
        (SHOP, "Paris or Rome, which is better?", "competitor_comparison"),
        (SHOP, "the best anvil", "category_ranking"),
        (SHOP, "Lufthansa is better", ""),
        ({**SHOP, "threshold_high": 0.8, "threshold_medium": 0.76}, "globex vs us", "log_only"),
        ({**SHOP, "threshold_high": 0.9, "threshold_medium": 0.9, "threshold_low": 0.8}, "globex vs us", ""),
    ],
)
def test_what_a_request_wants(config: dict[str, Any], text: str, wanted: str) -> None:
    assert intent(said(config, text)) == wanted


@pytest.mark.parametrize(
    ("policy", "kind"),
    [("refuse", Block), ("escalate", Block), ("reframe", Answer), ("log_only", Allow), ("allow", Allow)],
)
def test_the_policy_decides(policy: str, kind: type[Verdict]) -> None:
    found = said({**SHOP, "policy": {"competitor_comparison": policy}}, "globex vs us")

    assert isinstance(found, kind)
    assert isinstance(found, Allow) == (policy in ("allow", "log_only"))
    assert intent(found) == ("" if policy == "allow" else "competitor_comparison")


def test_messages_are_those_of_the_configuration() -> None:
    messages = {"refuse_message_template": "No.", "reframe_message_template": "Hm."}

    refused = said({**SHOP, **messages}, "globex vs us")
    assert refused == Block("No.", {"intent": "competitor_comparison", "confidence": 0.75}, refused.findings)
    assert said({**SHOP, **messages}, "globex") == Answer("Hm.", said(SHOP, "globex").findings)


def test_an_answer_is_let_pass_and_a_mask_hides_no_comparison() -> None:
    email = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
    look = built(TYPE, {"competitor_intent_config": SHOP, "patterns": [email]})

    assert look(answered("globex vs us"), OCCASION) == Allow()
    assert isinstance(
        verdict(TYPE, {"competitor_intent_config": SHOP, "patterns": [email]}, "a@b.cc globex vs us"), Block
    )


def test_an_empty_name_stops_the_start() -> None:
    with pytest.raises(ConfigurationError):
        built(TYPE, {"competitor_intent_config": {**SHOP, "competitors": [""]}})
