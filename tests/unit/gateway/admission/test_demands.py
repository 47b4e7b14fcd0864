"""What every request has to have, and what none may have."""

import pytest

from tianji._core.bodies.spans import scan
from tianji.config.schema import GeneralSettings
from tianji.errors import InvalidRequest
from tianji.gateway.admission.demands import demanded, demanded_of_accounts, enforce, refuse_tags


def test_what_is_demanded_of_accounts_is_what_the_settings_say():
    assert demanded_of_accounts(GeneralSettings()) == ()
    assert demanded_of_accounts(GeneralSettings(service_account_settings={"enforced_params": ["user"]})) == ("user",)
    assert demanded_of_accounts(GeneralSettings(service_account_settings={"enforced_params": "user"})) == ()


def test_what_is_demanded_is_what_the_settings_say():
    assert demanded(GeneralSettings()) == ()
    both = demanded(GeneralSettings(enforced_params=("metadata.team",), enforce_user_param=True))
    assert [names.partition("|")[0] for names in both] == ["metadata.team", "user"]


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b'{"user": "a"}', None),
        (b'{"user": 7}', None),
        (b'{"metadata": {"user_id": "a"}}', None),
        (b'{"user": null, "metadata": {"user_id": "a"}}', None),
        (b"{}", "user"),
        (b'{"user": null}', "user"),
        (b'{"metadata": {"user_id": null}}', "user"),
        (b'{"metadata": "user_id"}', "user"),
        (b'{"metadata": {"user_id": "a", "user_id": "b"}}', "user"),
    ],
)
def test_a_user_stands_in_one_of_two_places(body, missing):
    members = demanded(GeneralSettings(enforce_user_param=True))
    if missing is None:
        enforce(members, scan(body))
        return
    with pytest.raises(InvalidRequest) as caught:
        enforce(members, scan(body))
    assert (caught.value.param, caught.value.status) == (missing, 400)


def test_the_first_that_is_missing_is_named():
    with pytest.raises(InvalidRequest) as caught:
        enforce(("a", "b.c"), scan(b'{"a": 1, "b": {"d": 2}}'))
    assert caught.value.param == "b.c"


def test_what_is_no_tag_is_no_tag():
    refuse_tags({"metadata": {"tag": 1}, "litellm_metadata": ["tags"], "model": "tags"}, {b"x-tags": b"a"})
