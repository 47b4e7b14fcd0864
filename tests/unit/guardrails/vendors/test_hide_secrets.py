"""hide-secrets: what is hidden, what is left, and which detectors an entry may choose."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.guardrails.looking import OCCASION, asked, built, verdict

from tianji.errors import ConfigurationError
from tianji.guardrails.matching.entropy import entropy
from tianji.guardrails.vendors.hide_secrets import TYPE, detectors
from tianji.guardrails.verdict import Allow, Rewrite

HEX = "0123456789abcdef"
MIXED = "q7Zp2Lk9Xw4Rt8Vn3Yb6Hs1Md5Jc0Fg"
FOUND = {  # the part in angle brackets is what is hidden
    "AWSKeyDetector": "id <AKIAIOSFODNN7EXAMPLE>, aws_secret_access_key = <wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY>",
    "ArtifactoryDetector": "<AKCp8aBcDeFgHiJkLm>",
    "AzureStorageKeyDetector": "AccountName=x;AccountKey=<" + "aB3/" * 21 + "aB==>",
    "BasicAuthDetector": "postgres://app:<hunter2@>db/x",
    "CloudantDetector": "cloudant_key = '<" + HEX * 4 + ">'",
    "DiscordBotTokenDetector": "<MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs>",
    "GitHubTokenDetector": "<ghp_" + "a1B2" * 9 + "> <github_pat_" + "a1B2_" * 5 + ">",
    "GitLabTokenDetector": "<glpat-a1B2c3D4e5F6g7H8i9J0>",
    "GoogleKeyDetector": "<AIzaSyA1234567890abcdefghijklmnopqrstuv>",
    "IbmCloudIamDetector": "ibm_api_key: <" + "aB3_" * 11 + ">",
    "IbmCosHmacDetector": "cos_hmac_secret = <" + HEX * 3 + ">",
    "JwtTokenDetector": "Bearer <eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_DEF-123>",
    "KeywordDetector": "password: <hunter2>, secret=\"<abcd\">, api_key = '<correct-horse'>",
    "MailchimpDetector": "<" + HEX * 2 + "-us12>",
    "ModelKeyDetector": "<sk-ant-api03-abcdefghij0123456789> <hf_" + "aB" * 17 + ">",
    "NpmDetector": "<npm_" + "a1B2" * 9 + ">",
    "OpenAIDetector": "<sk-proj-abcdefghij0123456789>",
    "PrivateKeyDetector": "<-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----> end",
    "PypiTokenDetector": "<pypi-" + "AgEIcHlwaS5vcmc" * 4 + ">",
    "SendGridDetector": "<SG." + "a1" * 11 + "." + "b2" * 21 + "c>",
    "SlackDetector": "<xoxb-123456789012-abcdefABCDEF> <https://hooks.slack.com/services/T0000/B0000/XXXXXXXXXXXX>",
    "SoftlayerDetector": "softlayer_api_key = '<" + HEX * 4 + ">'",
    "SquareOAuthDetector": "<sq0atp-" + "a1" * 11 + ">",
    "StripeDetector": "<sk_live_" + "a1B2" * 6 + ">",
    "TelegramBotTokenDetector": "<110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1>",
    "TwilioKeyDetector": "<AC" + HEX * 2 + ">",
    "Base64HighEntropyString": f"key '<{MIXED}>'",
    "HexHighEntropyString": "key '<" + HEX * 2 + ">'",
}
ORDINARY = (
    "Please write a function that checks a password, and say what a token is.",
    "The secret: nobody knows. sk-learn and sk-image are packages; see https://example.org/path/to/a/long/page",
    "password: something, and api_key: 'x'",
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' and \"internationalization-of-everything\"",
    "AKIA is a prefix, -----BEGIN PUBLIC KEY----- is none",
)


def only(name: str, **more: Any) -> dict[str, Any]:
    return {"detect_secrets_config": {"plugins_used": [{"name": name, **more}]}}


def hidden(params: dict[str, Any], text: str) -> str:
    said = verdict(TYPE, params, text)
    return said.texts[0] if isinstance(said, Rewrite) else text


def parts(example: str) -> tuple[str, str]:
    """Return the text of an example, and what is left of it."""
    pieces = example.replace("<", "\0").replace(">", "\0").split("\0")
    return "".join(pieces), "".join("[REDACTED]" if at % 2 else piece for at, piece in enumerate(pieces))


@pytest.mark.parametrize("name", sorted(detectors()))
def test_a_detector_hides_what_is_secret_and_no_more(name: str) -> None:
    text, left = parts(FOUND[name])

    assert hidden(only(name), text) == left


@pytest.mark.parametrize("name", sorted(detectors()))
def test_nothing_that_one_detector_finds_passes_all_of_them(name: str) -> None:
    text, _ = parts(FOUND[name])
    secrets = [piece.rstrip("'\"@") for piece in FOUND[name].replace(">", "<").split("<")[1::2]]

    assert all(secret not in hidden({}, text) for secret in secrets)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_no_secret_stays(text: str) -> None:
    assert verdict(TYPE, {}, text) == Allow()


def test_a_keys_permissions_switch_it_off() -> None:
    hides, secret = built(TYPE, {}), asked(FOUND["NpmDetector"].replace("<", "").replace(">", ""))
    assert isinstance(hides(secret, replace(OCCASION, permissions={"hide_secrets": True})), Rewrite)
    assert isinstance(hides(secret, replace(OCCASION, permissions={"hide_secrets": False})), Allow)


def test_a_limit_decides_how_random_is_random() -> None:
    text = "key 'abcdefghijabcdefghij'"

    assert hidden(only("Base64HighEntropyString"), text) == text
    assert hidden(only("Base64HighEntropyString", limit=3), text) == "key '[REDACTED]'"


def test_what_was_found_is_counted_by_detector_and_not_shown() -> None:
    said = built(TYPE, {})(asked("AKIAIOSFODNN7EXAMPLE and AKIAIOSFODNN7EXAMPLF", "hi"), OCCASION)

    assert isinstance(said, Rewrite)
    assert said.texts == {0: "[REDACTED] and [REDACTED]"}
    assert said.findings.entities == {"AWSKeyDetector": 2}


@pytest.mark.parametrize(
    ("plugin", "says"),
    [({"name": "AWSKeyDetectr"}, "no detector"), ({"name": "Mine", "path": "file:///x.py"}, "module.Class")],
)
def test_a_detector_that_is_none_stops_the_start(plugin: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        built(TYPE, {"detect_secrets_config": {"plugins_used": [plugin]}})


@given(st.text())
def test_entropy_is_that_of_the_characters(text: str) -> None:
    assert 0 <= entropy(text) <= 10
    assert entropy(text) == pytest.approx(entropy("".join(sorted(text))))


def test_entropy_of_what_one_knows() -> None:
    assert entropy("") == entropy("aaaa") == 0
    assert entropy("ab") == 1
    assert entropy(HEX) == entropy(HEX * 100) == 4
