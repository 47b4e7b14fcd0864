"""Whom a request names that the pipeline does not serve."""

import pytest

from tianji._core.bodies.spans import scan
from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import ANYONE
from tianji.config.schema import Config, GeneralSettings
from tianji.config.schema.settings import Settings
from tianji.errors import Header
from tianji.gateway.admission.parties import Parties, beside

PARTIES = Parties(Config(general_settings=GeneralSettings(user_header_name="X-Who")))


@pytest.mark.parametrize(
    ("headers", "body", "customer"),
    [
        ([], b"{}", None),
        ([], b'{"user":"a","metadata":{"user_id":"b"}}', "a"),
        ([], b'{"metadata":{"user_id":"b"},"safety_identifier":"c"}', "b"),
        ([], b'{"litellm_metadata":{"user":"d"},"metadata":{"user_id":"b"}}', "d"),
        ([(b"x-who", b"e")], b'{"user":"a"}', "e"),
        ([(b"x-who", b"e"), (b"x-litellm-end-user-id", b"f")], b"{}", "f"),
    ],
)
def test_a_customer_is_named_as_in_other_requests(headers: list[Header], body: bytes, customer: str | None) -> None:
    source = beside(SilentExchange("/v1/batches", body, ANYONE, headers=headers))
    assert PARTIES.customer(source, scan(body)) == customer


def test_tags_are_those_of_headers_and_body() -> None:
    body = b'{"tags":["a"],"metadata":{"tags":"text"},"litellm_metadata":{"tags":["\\ud800"]}}'
    source = beside(SilentExchange("/v1/batches", body, ANYONE, headers=[(b"x-litellm-tags", b"b, a")]))
    assert PARTIES.tags(source, scan(body)) == ("a", "text", "b")


def test_headers_that_the_operator_names_are_tags() -> None:
    parties = Parties(Config(litellm_settings=Settings(extra_spend_tag_headers=("X-Project", "x-absent"))))
    headers = [(b"x-project", b"moon"), (b"x-litellm-tags", b"a")]
    source = beside(SilentExchange("/v1/batches", b"{}", ANYONE, headers=headers))
    assert parties.tags(source, scan(b"{}")) == ("a", "X-Project: moon")
