from types import SimpleNamespace

import pytest

from tianji._core.sharing.revision import Revisions
from tianji.auth.access import Access, require
from tianji.auth.credentials import UNUSABLE, Credentials
from tianji.auth.directory import Directory
from tianji.auth.ephemeral import Ticket, Tickets
from tianji.auth.gate import Gate
from tianji.auth.identity import ANYONE, MASTER, Identity, Role
from tianji.auth.master_key import MasterKey
from tianji.clock import ManualClock
from tianji.errors import AuthenticationFailed, KeyExpired, PermissionDenied, StoreUnavailable


def match(access):
    return SimpleNamespace(route=SimpleNamespace(access=access, key_of=None))


def request(key):
    headers = [] if key is None else [(b"authorization", b"Bearer " + key)]
    return SimpleNamespace(headers=headers, method="POST", path="/x", query=b"", header=dict(headers).get)


def test_the_master_key_passes_and_every_other_is_refused():
    keys = MasterKey("sk-right-and-long")
    assert keys.authenticate(b"sk-right-and-long") is MASTER
    for wrong, text in [
        (None, "no API key"),
        (UNUSABLE, "malformed"),
        (b"right", "start with"),
        (b"sk-x", "not known"),
    ]:
        with pytest.raises(AuthenticationFailed, match=text) as caught:
            keys.authenticate(wrong)
        assert caught.value.status == 401
        assert "right-and-long" not in caught.value.message


def test_an_unknown_key_has_the_type_that_clients_look_for():
    with pytest.raises(AuthenticationFailed) as caught:
        MasterKey("sk-right").authenticate(b"sk-wrong")
    assert (caught.value.wire_type, caught.value.param) == ("token_not_found_in_db", "key")


def test_without_a_master_key_everybody_is_a_plain_user():
    gate = Gate(Credentials(), Directory(MasterKey(None), None, None))
    assert gate(request(None), match(Access.KEY)) is ANYONE
    with pytest.raises(AuthenticationFailed):
        gate(request(b"sk-any"), match(Access.ADMIN))


def test_an_empty_master_key_is_no_key():
    with pytest.raises(ValueError, match="empty"):
        MasterKey("")


def test_a_fault_while_checking_is_401():
    class Broken:
        def authenticate(self, credential, field):
            raise ZeroDivisionError("secret")

    with pytest.raises(AuthenticationFailed) as caught:
        Gate(Credentials(), Broken())(request(b"sk-a"), match(Access.KEY))
    assert "secret" not in caught.value.message


def test_an_identity_cannot_be_empty():
    for user, key in (("", "k"), ("u", "")):
        with pytest.raises(ValueError, match="needs"):
            Identity(role=Role.INTERNAL_USER, user_id=user, key=key)


ROLES = {
    "master": MASTER,
    **{role.value: Identity(role=role, user_id="u", key="k") for role in Role},
    "none": Identity(role=None, user_id="u", key="k"),
}
ALL = set(ROLES)
PASSES = {  # access: who may read, who may write
    Access.KEY: (ALL, ALL),
    Access.INFO: (ALL, ALL),
    Access.SELF: (ALL, ALL),
    Access.USER: (
        {"master", "proxy_admin", "proxy_admin_viewer", "org_admin", "internal_user", "internal_user_viewer"},
        {"master", "proxy_admin", "org_admin", "internal_user"},
    ),
    Access.ORGANIZATION: (
        {"master", "proxy_admin", "proxy_admin_viewer", "org_admin"},
        {"master", "proxy_admin", "org_admin"},
    ),
    Access.ADMIN: ({"master", "proxy_admin", "proxy_admin_viewer"}, {"master", "proxy_admin"}),
    Access.MASTER: ({"master"}, {"master"}),
}


@pytest.mark.parametrize("access", [access for access in Access if access is not Access.OPEN])
def test_who_may_call_what(access):
    for method, allowed in zip(("GET", "POST"), PASSES[access], strict=True):
        for name, identity in ROLES.items():
            if name in allowed:
                require(access, identity, method)
            else:
                with pytest.raises((AuthenticationFailed, PermissionDenied)):
                    require(access, identity, method)


def test_a_key_that_has_expired_is_401_with_its_own_type():
    class Known:
        def authenticate(self, credential, field):
            return Identity(role=None, user_id=None, key="0123456789", expires=ManualClock().now())

    with pytest.raises(KeyExpired) as caught:
        Gate(Credentials(), Known(), clock=ManualClock())(request(b"sk-a"), match(Access.KEY))
    assert (caught.value.wire_type, caught.value.param) == ("expired_key", "01234567")


async def test_who_has_to_be_looked_up_is_judged_when_he_is_found():
    class Later:
        async def _find(self, found):
            if isinstance(found, Exception):
                raise found
            return found

        def authenticate(self, credential, field):
            return self._find(answers.pop(0))

    plain = Identity(role=Role.INTERNAL_USER, user_id="u", key="k")
    answers = [plain, plain, ZeroDivisionError("secret"), StoreUnavailable("away")]
    gate = Gate(Credentials(), Later())
    assert await gate(request(b"sk-a"), match(Access.KEY)) is plain
    with pytest.raises(AuthenticationFailed, match="needs proxy_admin"):
        await gate(request(b"sk-a"), match(Access.ADMIN))
    with pytest.raises(AuthenticationFailed) as caught:
        await gate(request(b"sk-a"), match(Access.KEY))
    assert "secret" not in caught.value.message
    with pytest.raises(StoreUnavailable):
        await gate(request(b"sk-a"), match(Access.KEY))


def test_a_secret_stands_for_its_key_where_conversations_begin_and_nowhere_else():
    class Known:
        def authenticate(self, credential):
            raise AssertionError("a secret is no key")

        def holder(self, key):
            return MASTER if key == "of the master" else ANYONE

    clock = ManualClock()
    tickets = Tickets(lambda: "salt", clock)
    gate = Gate(Credentials(), Known(), clock=clock, tickets=tickets)
    secret = tickets.seal(Ticket("of the master", "m", "d", "s", int(clock.now()) + 60)).encode()
    row = SimpleNamespace(access=Access.KEY, key_of=None, tags=("models", "conversations"))
    assert gate(request(secret), SimpleNamespace(route=row)) is MASTER
    elsewhere = SimpleNamespace(access=Access.KEY, key_of=None, tags=("models",))
    with pytest.raises(AuthenticationFailed, match="conversations alone"):
        gate(request(secret), SimpleNamespace(route=elsewhere))
    clock.advance(61)
    with pytest.raises(AuthenticationFailed, match="time is over"):
        gate(request(secret), SimpleNamespace(route=row))


@pytest.mark.parametrize(
    ("offered", "key"),
    [
        (b"realtime, openai-insecure-api-key.sk-a, openai-beta.realtime-v1", b"sk-a"),
        (b"openai-insecure-api-key.sk-a", b"sk-a"),
        (b"realtime", None),
        (b"xopenai-insecure-api-key.sk-a", None),
    ],
)
def test_a_page_puts_its_key_into_a_sub_protocol(offered, key):
    asked = SimpleNamespace(headers=[(b"sec-websocket-protocol", offered)], path="/v1/realtime", query=b"")
    assert Credentials().find(asked) == key
    asked.headers.append((b"api-key", b"first"))
    assert Credentials().find(asked) == b"first"


class Doorman:
    """Says what it is told to, and notes what it is asked."""

    def __init__(self, said):
        self.said, self.asked = said, []

    async def __call__(self, exchange, credential, row):
        self.asked.append(credential)
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


async def test_a_doorman_is_asked_before_keys_are():
    master = b"sk-right-and-long"
    directory = Directory(MasterKey(master.decode()), None, Revisions(), lambda: True)
    known = Identity(role=None, user_id=None, key="k")
    for said, sent, found in [
        (known, b"sk-any", known),
        (known, None, known),
        (master, b"badge", MASTER),
        (None, master, MASTER),
    ]:
        doorman = Doorman(said)
        assert await Gate(Credentials(), directory, doorman=doorman)(request(sent), match(Access.KEY)) is found
        assert doorman.asked == [sent]
    for said, error in [
        (None, AuthenticationFailed),
        (b"sk-unknown", AuthenticationFailed),
        (PermissionDenied("no"), PermissionDenied),
        (ZeroDivisionError(), AuthenticationFailed),
    ]:
        with pytest.raises(error):
            await Gate(Credentials(), directory, doorman=Doorman(said))(request(None), match(Access.KEY))


async def test_not_everybody_is_let_in_where_there_is_a_doorman_and_no_master_key():
    gate = Gate(Credentials(), Directory(MasterKey(None), None, None), doorman=Doorman(None))
    with pytest.raises(AuthenticationFailed):
        await gate(request(None), match(Access.KEY))


async def test_whom_a_doorman_knows_has_the_rights_of_his_role_and_only_until_his_end():
    for identity, access, error in [
        (Identity(role=None, user_id=None, key="k"), Access.ADMIN, AuthenticationFailed),
        (Identity(role=Role.PROXY_ADMIN_VIEWER, user_id="v", key="k"), Access.ADMIN, PermissionDenied),
        (Identity(role=None, user_id=None, key="k", expires=5.0), Access.KEY, KeyExpired),
    ]:
        gate = Gate(Credentials(), None, None, ManualClock(), doorman=Doorman(identity))
        with pytest.raises(error):
            await gate(request(None), match(access))
