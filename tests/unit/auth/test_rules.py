"""What the operator says of places and routes."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sharing.revision import Revisions
from tianji.auth.access import Access
from tianji.auth.credentials import Credentials
from tianji.auth.directory import Directory
from tianji.auth.gate import Gate
from tianji.auth.identity import MASTER, Identity, Role
from tianji.auth.master_key import MasterKey
from tianji.auth.rules import ANONYMOUS, Rules, listed, parsed
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed, PermissionDenied

KEY = b"sk-master-0123456789"
ROW = SimpleNamespace(access=Access.KEY, tags=("models",), path="/v1/chat/completions", key_of=None)


def request(peer="10.0.0.7", path="/v1/chat/completions", key=KEY, method="POST", **headers):
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if key is not None:
        fields.append((b"authorization", b"Bearer " + key))
    where = None if peer is None else (peer, 1)
    return SimpleNamespace(headers=fields, method=method, path=path, query=b"", header=dict(fields).get, peer=where)


def enter(rules, exchange, row=ROW):
    people = Directory(MasterKey(KEY.decode()), None, Revisions(), lambda: True)
    return Gate(Credentials(), people, rules)(exchange, SimpleNamespace(route=row))


def rules(**settings):
    return Rules(GeneralSettings(**settings))


def test_who_is_elsewhere_is_refused_whatever_his_key():
    ours = rules(allowed_ips=("10.0.0.0/8", "2001:db8::1", "192.168.1.5"))
    assert ours.guards
    for peer in ("10.0.0.7", "192.168.1.5", "::ffff:192.168.1.5", "2001:db8::1"):
        assert enter(ours, request(peer)) is MASTER
    for peer in ("11.0.0.1", "192.168.1.6", "2001:db8::2", "::1", None):
        with pytest.raises(PermissionDenied) as caught:
            enter(ours, request(peer))
        assert (caught.value.status, caught.value.wire_type) == (403, "auth_error")
    with pytest.raises(PermissionDenied):
        enter(rules(allowed_ips=()), request())


@pytest.mark.parametrize(
    ("settings", "peer", "forwarded", "found"),
    [
        ({}, "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "[2001:db8::1]:80", "2001:db8::1"),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "unknown", None),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "1.2.3.4, evil", None),
        ({"use_x_forwarded_for": True}, "10.0.0.1", "", "10.0.0.1"),
        ({"use_x_forwarded_for": True, "trusted_proxy_ranges": ("10.0.0.0/8",)}, "9.9.9.9", "1.2.3.4", "9.9.9.9"),
        (
            {"use_x_forwarded_for": True, "trusted_proxy_ranges": ("10.0.0.0/8",)},
            "10.0.0.1",
            "6.6.6.6, 1.2.3.4, 10.2.2.2",
            "1.2.3.4",
        ),
        ({"use_x_forwarded_for": True, "trusted_proxy_ranges": ("10.0.0.0/8",)}, "10.0.0.1", "10.3.3.3", "10.3.3.3"),
    ],
)
def test_where_a_client_is_nobody_says_of_himself(settings, peer, forwarded, found):
    exchange = request(peer, x_forwarded_for=forwarded)
    address = rules(**settings).address(exchange)
    assert (None if address is None else str(address)) == found


@given(st.text(max_size=40))
def test_what_is_no_address_is_none(text):
    found = parsed(text)
    assert found is None or str(found)


def test_routes_that_are_not_served():
    ours = rules(allowed_routes=("/v1/chat/completions", "/key/*"))
    assert enter(ours, request()) is MASTER
    assert enter(ours, request(path="/v1/chat/completions/")) is MASTER
    assert enter(ours, request(path="/key/info")) is MASTER
    for path in ("/v1/chat/completions/x", "/v1/models", "/keys"):
        with pytest.raises(PermissionDenied):
            enter(ours, request(path=path))


def test_routes_for_administrators():
    ours = rules(admin_only_routes=("/key/generate", "LiteLLMRoutes.info_routes"))
    user = Identity(role=Role.INTERNAL_USER, user_id="u", key="k")
    admin = Identity(role=Role.PROXY_ADMIN, user_id="a", key="k")
    info = SimpleNamespace(access=Access.INFO, tags=(), path="/user/info")
    for path, row in (("/key/generate", ROW), ("/key/generate/", ROW), ("/user/info", info)):
        ours.require_rank(admin, request(path=path), row)
        with pytest.raises(AuthenticationFailed):
            ours.require_rank(user, request(path=path), row)
    ours.require_rank(user, request(path="/key/info"), ROW)


def test_public_routes_need_no_key_and_give_no_rights():
    ours = rules(public_routes=("/v1/models", "/key/*"))
    assert not ours.guards
    assert enter(ours, request(path="/v1/models", key=None)) is ANONYMOUS
    assert enter(ours, request(path="/v1/models", key=b"sk-unknown-to-all")) is ANONYMOUS
    assert enter(ours, request(path="/v1/models")) is MASTER
    for path, access in (("/v1/models/x", Access.KEY), ("/v1/chat/completions", Access.KEY), ("/key/x", Access.USER)):
        row = SimpleNamespace(access=access, tags=(), path=path, key_of=None)
        with pytest.raises(AuthenticationFailed):
            enter(ours, request(path=path, key=None), row)


def test_a_place_is_judged_before_a_public_route_is():
    with pytest.raises(PermissionDenied):
        enter(rules(public_routes=("/v1/models",), allowed_ips=("1.1.1.1",)), request(path="/v1/models", key=None))


def test_nothing_is_said_by_default():
    nothing = Rules(GeneralSettings())
    assert not nothing.guards
    assert enter(nothing, request(path="/anything")) is MASTER
    assert not listed((), "/", ROW)
