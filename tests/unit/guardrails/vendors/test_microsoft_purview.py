from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, ask, sent

from tianji.guardrails.vendor import ClientCredentials
from tianji.guardrails.verdict import Allow, Block, Unavailable

NAME = "microsoft_purview"
ENTRY: dict[str, Any] = {"tenant_id": "t1", "client_id": "c1", "client_secret": KEY}
PASSES = {"policyActions": [], "protectionScopeState": "notModified"}


def test_a_text_is_processed_for_the_person() -> None:
    verdict, (call,) = ask(NAME, ENTRY, REQUEST, PASSES)

    base = "https://graph.microsoft.com/v1.0/users/user-1/dataSecurityAndGovernance"
    assert call.url == f"{base}/processContent"
    url = "https://login.microsoftonline.com/t1/oauth2/v2.0/token"
    assert call.auth == ClientCredentials(url, "c1", KEY, "https://graph.microsoft.com/.default")
    process = sent(call)["contentToProcess"]
    (entry,) = process["contentEntries"]
    assert entry["content"]["data"] == "be kind\n\nhello\n\nI am Ann, ann@x.io"
    assert (entry["identifier"], entry["correlationId"]) == ("call-1-request", "session-1")
    assert process["activityMetadata"] == {"activity": "uploadText"}
    assert process["protectedAppMetadata"]["applicationLocation"]["value"] == "c1"
    assert verdict == Allow()
    assert sent(ask(NAME, ENTRY, ANSWER, PASSES)[1][0])["contentToProcess"]["activityMetadata"] == {
        "activity": "downloadText"
    }


@pytest.mark.parametrize(
    ("action", "refused"),
    [
        ({"@odata.type": "#microsoft.graph.restrictAccessAction", "restrictionAction": "block"}, True),
        ({"action": "restrictAccess", "restrictionAction": "block"}, True),
        ({"action": "restrictAccess", "restrictionAction": "audit"}, False),
        ({"action": "notify", "restrictionAction": "block"}, False),
    ],
)
def test_a_restriction_that_blocks_is_refused(action: dict[str, str], refused: bool) -> None:
    verdict, _ = ask(NAME, ENTRY, ANSWER, {"policyActions": [action]})

    assert isinstance(verdict, Block) is refused


def test_what_the_client_says_of_the_person_comes_last() -> None:
    nobody = replace(OCCASION, user_id="", end_user="", metadata={"oid": "a/b"})
    _, (call,) = ask(NAME, {**ENTRY, "user_id_field": "oid"}, ANSWER, PASSES, occasion=nobody)
    assert "/users/a%2Fb/" in call.url

    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, ANSWER, occasion=nobody)
