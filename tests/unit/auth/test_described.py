"""From what others say of a caller to an identity; what is stored of those above him with a real database."""

import shutil
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest

from tianji._core.sharing.revision import Revisions
from tianji.auth import described
from tianji.auth.described import Described, Descriptions, beside, record_of
from tianji.auth.identity import MASTER, Role
from tianji.auth.tags import tag
from tianji.config.schema import Config
from tianji.errors import AuthenticationFailed
from tianji.management import desk
from tianji.management.office import Office
from tianji.management.people import teams
from tianji.money import to_nanos
from tianji.storage.location import parse
from tianji.storage.store import Store


@pytest.fixture
async def store(form, tmp_path):
    shutil.copy(form, tmp_path / "a.db")
    found = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield found
    await found.close()


async def make_team(store, name, **fields):
    office = Office(store=store, config=Config, groups=dict, salt=lambda: None)
    await desk.perform(office, MASTER, lambda call: teams.make(call, {"team_id": name, **fields}))


async def identity(store, credential=b"sent", *, stored=False, **said):
    return await Descriptions(store, dict).identity(Described(**said), credential, stored=stored)


def digest(text):
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"api_key": "k", "user_id": "ann"}, digest("k")),
        ({"api_key": digest("k")}, digest("k")),
        ({"token": digest("t"), "api_key": "k"}, digest("t")),
        ({"user_id": "ann"}, digest("described\0ann\0\0")),
        ({"user_id": "ann", "team_id": "red", "org_id": "o"}, digest("described\0ann\0red\0o")),
        ({}, digest("sent")),
    ],
)
def test_a_caller_has_the_name_of_his_key_else_his_own_else_what_he_sent(said, name):
    assert Described(**said).name(b"sent") == name


def test_two_users_are_two_callers_even_where_their_names_run_together():
    assert Described(user_id="a", team_id="b").name(None) != Described(user_id="ab").name(None)
    assert Described(user_id="a").name(None) != Described(team_id="a").name(None)
    assert len(Described().name(None)) == 64


async def test_who_is_described_by_nothing_has_no_rights_but_a_name(store):
    found = await identity(store)
    assert (found.role, found.user_id, found.key, found.limited, found.plain) == (
        None, None, digest("sent"), False, True,
    )  # fmt: skip


async def test_limits_of_each_that_is_spoken_of_hold(store):
    found = await identity(
        store,
        user_id="ann", team_id="red", org_id="o", end_user_id="c", max_budget=1.5, spend=0.25, budget_duration="1d",
        tpm_limit=10, rpm_limit=2, max_parallel_requests=3, rpm_limit_per_model={"m": 1}, user_rpm_limit=4,
        team_max_budget=2.0, team_spend=1.0, team_member_rpm_limit=5, organization_tpm_limit=6,
        end_user_max_budget=0.5, end_user_rpm_limit=7,
    )  # fmt: skip
    limits = {scope.kind: (scope.id, scope.limits) for scope in found.scopes}
    assert {kind: name for kind, (name, _) in limits.items()} == {
        "key": found.key, "team": "red", "team_member": "ann:red", "user": "ann", "organization": "o", "customer": "c",
    }  # fmt: skip
    key = limits["key"][1]
    assert (key.max_budget, key.told_spend, key.spend) == (to_nanos(1.5), to_nanos(0.25), 0)
    assert (key.budget_duration, key.tpm_limit, key.rpm_limit, key.max_parallel_requests) == ("1d", 10, 2, 3)
    assert key.model_rpm_limit == {"m": 1}
    assert (limits["team"][1].max_budget, limits["team"][1].told_spend) == (to_nanos(2), to_nanos(1))
    assert [limits[kind][1].rpm_limit for kind in ("user", "team_member", "customer")] == [4, 5, 7]
    assert limits["organization"][1].tpm_limit == 6
    assert limits["customer"][1].max_budget == to_nanos(0.5)
    assert (found.end_user, found.limited) == ("c", True)


async def test_roles_models_and_moments(store):
    found = await identity(
        store,
        user_id="ann", user_role="proxy_admin", user_email="a@b", models=("m",), aliases={"x": "m"},
        expires=datetime(2027, 1, 1), allowed_routes=("info_routes",), allowed_model_region="eu",  # noqa: DTZ001
    )  # fmt: skip
    assert (found.role, found.user_email, found.target("x")) == (Role.PROXY_ADMIN, "a@b", "m")
    assert found.expires == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert (found.admits("m"), found.admits("n")) == (None, "key_model_access_denied")
    assert found.metadata == {"allowed_model_region": "eu"}
    assert found.allowed_routes == ("info_routes",)
    assert found.stands_for["models"] == ("m",)
    for role in ("team", "customer", "king", None):
        assert (await identity(store, user_id="ann", user_role=role)).role is None


async def test_who_is_blocked_is_refused(store):
    for said in ({"blocked": True}, {"team_id": "red", "team_blocked": True}):
        with pytest.raises(AuthenticationFailed, match="blocked"):
            await identity(store, **said)


@pytest.mark.parametrize("said", [{"spend": -1}, {"rpm_limit": -1}, {"rpm_limit": "many"}, {"models": 5}])
def test_what_is_no_amount_cannot_be_said(said):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, Described, strict=False)


async def test_what_was_said_before_is_remembered_until_anything_changes(store, monkeypatch):
    known = Descriptions(store, dict)

    async def ask(**said):
        return await known.identity(Described(**said), b"sent", stored=True)

    first = await ask(user_id="ann", team_id="red")
    assert await ask(team_id="red", user_id="ann") is first
    assert await ask(user_id="ann") is not first
    await make_team(store, "red", rpm_limit=3)
    second = await ask(user_id="ann", team_id="red")
    assert second is not first
    assert {scope.kind: scope.limits.rpm_limit for scope in second.scopes} == {"key": None, "team": 3}
    assert tag("team", "red") in second.tags
    monkeypatch.setattr(described, "MANY", 1)
    await ask(user_id="bob")
    assert await ask(user_id="ann", team_id="red") is not second


async def test_what_is_stored_holds_where_that_is_wanted_and_what_is_said_only_narrows_it(store):
    await make_team(store, "red", models=["m"], rpm_limit=10, tpm_limit=5)
    said = {"team_id": "red", "team_models": ("m", "n"), "team_rpm_limit": 3, "team_tpm_limit": 50}
    alone, both = await identity(store, **said), await identity(store, stored=True, **said)
    assert [found.admits("n") for found in (alone, both)] == [None, "team_model_access_denied"]
    limits = [found.scopes[1].limits for found in (alone, both)]
    assert [(one.rpm_limit, one.tpm_limit) for one in limits] == [(3, 50), (3, 5)]


def test_what_is_said_of_somebody_stands_where_nothing_is_stored():
    said = record_of(Described(user_id="ann", user_rpm_limit=1, team_id="red"), "k")
    empty = record_of(Described(), "k")
    assert beside(empty, said).user == said.user
    assert beside(empty, said).team == said.team
