"""Users, teams, organizations, customers, budgets, tags and credentials through the running gateway."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.contract.management.managing import ask, good


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def read(request: pytest.FixtureRequest, edge: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Ask the database itself: `read(statement)`. Its address is `read.url`."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("people") / "test.db"

        def ask_file(statement: str) -> str:
            with closing(sqlite3.connect(file)) as database:
                return str(database.execute(statement).fetchall())

        ask_file.url = f"sqlite:///{file}"  # type: ignore[attr-defined]
        return ask_file
    server: Any = request.getfixturevalue("postgresql")
    server.psql(f"CREATE DATABASE people_{edge};")

    def ask_server(statement: str) -> str:
        return str(server.psql(f"\\c people_{edge}\n{statement};"))

    ask_server.url = server.get_uri(f"people_{edge}")  # type: ignore[attr-defined]
    return ask_server


@pytest.fixture(scope="module")
def gateway(read: Any, edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    models = [openai_model(name, "gpt-test", mock_process.url) for name in ("m", "n")]
    models[1]["model_info"] = {"access_groups": ["beta"]}
    config = {"model_list": models, "general_settings": {"database_url": read.url}}
    with Gateway(config, tmp_path_factory.mktemp("people"), edge=edge) as running:
        yield running


def models(gateway: Gateway, key: str) -> list[str]:
    answer = gateway.client.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return [model["id"] for model in answer.json()["data"]]


def works(gateway: Gateway, key: str) -> bool:
    return gateway.client.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_a_user_and_his_key(gateway: Gateway) -> None:
    made = good(gateway, "POST", "/user/new", user_id="ann", user_email="Ann@Example.com", max_budget=5, models=["m"])
    assert (made["user_id"], made["user_email"], made["max_budget"]) == ("ann", "ann@example.com", 5.0)
    assert (made["token"], made["token_id"], made["key_type"]) == (None, None, None)
    key = made["key"]
    assert models(gateway, key) == ["m"]
    mine = good(gateway, "GET", "/user/info", key)
    assert mine["user_id"] == "ann"
    assert mine["user_info"]["max_budget"] == 5.0
    assert [row["user_id"] for row in mine["keys"]] == ["ann"]
    assert mine["keys"][0]["max_budget"] is None
    assert ask(gateway, "POST", "/user/new", user_id="ann").status_code == 409
    assert ask(gateway, "POST", "/user/new", user_email="ann@example.com").status_code == 409
    second = good(gateway, "POST", "/key/generate", key, key_alias="anns-second")
    assert (second["user_id"], second["models"]) == ("ann", ["m"])
    changed = good(gateway, "POST", "/user/update", user_id="ann", models=["n"])
    assert changed["data"]["models"] == ["n"]
    assert models(gateway, second["key"]) == []
    page = good(gateway, "GET", "/user/list", user_ids="ann", page_size=1)
    assert (page["total"], page["users"][0]["user_id"], page["users"][0]["key_count"]) == (1, "ann", 2)
    assert good(gateway, "POST", "/user/delete", user_ids=["ann"]) == 1
    assert not works(gateway, key)
    assert ask(gateway, "GET", "/user/info", user_id="ann").status_code == 404


def test_a_password_is_kept_and_never_told(gateway: Gateway, read: Any) -> None:
    made = good(gateway, "POST", "/user/new", user_id="pat", auto_create_key=False, password="Correct horse 1")
    assert made["key"] == ""
    kept = read("SELECT password FROM users WHERE user_id = 'pat'")
    assert "$argon2id$" in kept
    assert "correct horse" not in kept
    told = [ask(gateway, "GET", "/user/info", user_id="pat"), ask(gateway, "GET", "/user/list", user_ids="pat")]
    told.append(ask(gateway, "POST", "/user/update", user_id="pat", user_alias="P"))
    assert not [answer.text for answer in told if "argon2" in answer.text or '"password"' in answer.text]
    assert ask(gateway, "POST", "/user/update", user_id="pat", password="short").status_code == 400


def test_a_team_its_members_and_its_keys(gateway: Gateway) -> None:
    team = good(
        gateway, "POST", "/team/new", team_id="red", team_alias="Red", models=["m"], max_budget=10, rpm_limit=50,
        members_with_roles=[{"user_id": "boss", "role": "admin"}, {"user_email": "new@example.com", "role": "user"}],
        team_member_budget=2,
    )  # fmt: skip
    assert set(team["admins"]) == {"default_user_id", "boss"}
    assert sorted(one["role"] for one in team["members_with_roles"]) == ["admin", "admin", "user"]
    assert ask(gateway, "POST", "/team/new", team_id="red").status_code == 400
    key = good(gateway, "POST", "/key/generate", team_id="red", user_id="boss")["key"]
    assert models(gateway, key) == ["m"]
    over = ask(gateway, "POST", "/key/generate", team_id="red", max_budget=11)
    assert (over.status_code, over.json()["error"]["param"]) == (400, "max_budget")
    assert ask(gateway, "POST", "/key/generate", team_id="red", models=["n"]).status_code == 400
    told = good(gateway, "GET", "/team/info", key, team_id="red")
    assert told["team_info"]["team_member_budget_table"]["max_budget"] == 2.0
    assert {one["budget_id"] for one in told["team_memberships"]} == {
        told["team_info"]["metadata"]["team_member_budget_id"]
    }
    for change, then in (("block", False), ("unblock", True)):
        good(gateway, "POST", f"/team/{change}", team_id="red")
        assert works(gateway, key) is then
    good(gateway, "POST", "/team/model/add", team_id="red", models=["n"])
    assert models(gateway, key) == ["m", "n"]
    good(gateway, "POST", "/team/model/delete", team_id="red", models=["m", "n"])
    assert models(gateway, key) == []
    good(gateway, "POST", "/team/update", team_id="red", models=[])
    added = good(
        gateway, "POST", "/team/member_add", key, team_id="red", member={"user_id": "kim"}, max_budget_in_team=1
    )
    assert [one["user_id"] for one in added["updated_users"]] == ["kim"]
    assert added["updated_team_memberships"][0]["litellm_budget_table"]["max_budget"] == 1.0
    good(gateway, "POST", "/team/member_update", key, team_id="red", user_id="kim", max_budget_in_team=2, role="admin")
    kims = good(gateway, "POST", "/key/generate", team_id="red", user_id="kim")["key"]
    good(gateway, "POST", "/team/member_delete", key, team_id="red", user_id="kim")
    assert not works(gateway, kims)
    assert good(gateway, "GET", "/v2/team/list", search="RED")["teams"][0]["members_count"] == 3
    assert [row["team_id"] for row in good(gateway, "GET", "/team/list", key)] == ["red"]
    assert good(gateway, "POST", "/team/delete", team_ids=["red"]) == {"deleted_teams": ["red"]}
    assert not works(gateway, key)


def test_members_may_do_what_they_are_granted(gateway: Gateway) -> None:
    good(gateway, "POST", "/team/new", team_id="blue", members_with_roles=[{"user_id": "lee", "role": "user"}])
    lee = good(gateway, "POST", "/key/generate", user_id="lee")["key"]
    assert ask(gateway, "POST", "/key/generate", lee, team_id="blue").status_code == 403
    granted = good(
        gateway, "POST", "/team/permissions_update", team_id="blue", team_member_permissions=["/key/generate"]
    )
    assert granted["team_member_permissions"] == ["/key/generate"]
    assert good(gateway, "POST", "/key/generate", lee, team_id="blue")["team_id"] == "blue"
    assert ask(gateway, "POST", "/key/generate", lee, team_id="blue", user_id="somebody").status_code == 403
    assert (
        ask(gateway, "POST", "/team/permissions_update", lee, team_id="blue", team_member_permissions=[]).status_code
        == 403
    )


def test_an_administrator_of_a_team_cannot_widen_it(gateway: Gateway) -> None:
    good(gateway, "POST", "/team/new", team_id="gray", max_budget=1, admins=["mel"])
    mel = good(gateway, "POST", "/key/generate", user_id="mel")["key"]
    assert good(gateway, "POST", "/team/update", mel, team_id="gray", team_alias="Gray")["data"]["team_alias"] == "Gray"
    for field, value in (
        ("max_budget", 2),
        ("models", []),
        ("organization_id", "x"),
        ("blocked", False),
        ("rpm_limit", 9),
    ):
        assert ask(gateway, "POST", "/team/update", mel, team_id="gray", **{field: value}).status_code == 403
    for hidden in (
        {"priority": "high"},
        {"team_member_budget_id": "rich"},
        {"disable_global_guardrails": True},
        {"disable_global_guardrail": True},
        {"opted_out_global_guardrails": ["words"]},
    ):
        assert ask(gateway, "POST", "/team/update", mel, team_id="gray", metadata=hidden).status_code == 403
        if "priority" not in hidden and "team_member_budget_id" not in hidden:
            assert ask(gateway, "POST", "/key/generate", mel, metadata=hidden).status_code == 403


def test_an_organization_bounds_what_is_in_it(gateway: Gateway) -> None:
    made = good(gateway, "POST", "/organization/new", organization_alias="Acme", max_budget=20, models=["m"])
    name = made["organization_id"]
    assert made["litellm_budget_table"]["max_budget"] == 20.0
    assert ask(gateway, "POST", "/organization/new", max_budget=1).status_code == 422
    head = {"user_id": "head", "role": "org_admin"}
    added = good(gateway, "POST", "/organization/member_add", organization_id=name, member=head)
    assert added["updated_organization_memberships"][0]["user_role"] == "org_admin"
    key = good(gateway, "POST", "/key/generate", user_id="head")["key"]
    team = good(gateway, "POST", "/team/new", key, organization_id=name, team_alias="T", max_budget=15)
    assert ask(gateway, "POST", "/team/new", key, organization_id=name, max_budget=21).status_code == 400
    assert ask(gateway, "POST", "/team/new", key, organization_id=name, models=["n"]).status_code == 400
    assert ask(gateway, "POST", "/team/new", key).status_code == 403
    in_team = good(gateway, "POST", "/key/generate", team_id=team["team_id"])["key"]
    assert models(gateway, in_team) == ["m"]
    good(gateway, "PATCH", "/organization/update", organization_id=name, models=["beta"])
    assert models(gateway, in_team) == ["n"]
    person = good(gateway, "POST", "/user/new", key, user_id="junior", organizations=[name])
    assert person["user_role"] == "internal_user"
    assert ask(gateway, "POST", "/user/new", key, user_role="proxy_admin", organizations=[name]).status_code == 403
    assert ask(gateway, "POST", "/user/new", key).status_code == 403
    good(gateway, "POST", "/user/update", key, user_id="junior", user_alias="J")
    assert ask(gateway, "POST", "/user/update", key, user_id="junior", user_role="proxy_admin").status_code == 403
    assert ask(gateway, "POST", "/user/update", key, user_id="default_user_id", user_alias="J").status_code == 403
    added = good(gateway, "POST", "/organization/member_add", key, organization_id=name, member={"user_id": "guest"})
    assert set(added["updated_users"][0]) == {"user_id", "user_email", "user_alias"}
    good(gateway, "POST", "/user/update", key, user_id="guest", user_alias="G")
    good(gateway, "POST", "/team/new", members=["guest"])
    assert ask(gateway, "POST", "/user/update", key, user_id="guest", user_alias="H").status_code == 403
    assert ask(gateway, "POST", "/user/delete", key, user_ids=["guest"]).status_code == 403
    good(gateway, "DELETE", "/organization/member_delete", key, organization_id=name, user_id="guest")
    told = good(gateway, "GET", "/organization/info", key, organization_id=name)
    assert [row["user_id"] for row in told["members"]] == ["head", "junior"]
    assert [row["team_id"] for row in told["teams"]] == [team["team_id"]]
    assert [row["organization_id"] for row in good(gateway, "GET", "/organization/list", key)] == [name]
    good(
        gateway,
        "PATCH",
        "/organization/member_update",
        organization_id=name,
        user_id="junior",
        role="internal_user_viewer",
    )
    good(gateway, "DELETE", "/organization/member_delete", key, organization_id=name, user_id="junior")
    assert ask(gateway, "DELETE", "/organization/delete", key, organization_ids=[name]).status_code == 403
    good(gateway, "DELETE", "/organization/delete", organization_ids=[name])
    assert not works(gateway, in_team)
    assert ask(gateway, "POST", "/user/new", key, organizations=[name]).status_code == 401  # he heads nothing any more


def test_budgets(gateway: Gateway) -> None:
    made = good(gateway, "POST", "/budget/new", budget_id="b", max_budget=3, budget_duration="30d", rpm_limit=5)
    assert (made["max_budget"], made["rpm_limit"]) == (3.0, 5)
    assert made["budget_reset_at"].endswith("-01T00:00:00Z")
    assert ask(gateway, "POST", "/budget/new", budget_id="b").status_code == 400
    assert good(gateway, "POST", "/budget/update", budget_id="b", max_budget=4)["max_budget"] == 4.0
    assert [row["budget_id"] for row in good(gateway, "POST", "/budget/info", budgets=["b", "none"])] == ["b"]
    assert "b" in [row["budget_id"] for row in good(gateway, "GET", "/budget/list")]
    fields = {row["field_name"]: row["field_value"] for row in good(gateway, "GET", "/budget/settings", budget_id="b")}
    assert (fields["max_budget"], fields["tpm_limit"]) == (4.0, None)
    key = good(gateway, "POST", "/key/generate", budget_id="b")
    assert key["litellm_budget_table"]["max_budget"] == 4.0
    assert good(gateway, "POST", "/budget/delete", id="b")["budget_id"] == "b"
    assert ask(gateway, "POST", "/budget/delete", id="b").status_code == 404


def test_a_soft_budget_stands_in_a_budget_row(gateway: Gateway) -> None:
    made = good(gateway, "POST", "/key/generate", soft_budget=2)
    assert made["budget_id"] == made["litellm_budget_table"]["budget_id"]
    assert made["litellm_budget_table"]["soft_budget"] == 2.0


@pytest.mark.parametrize("name", ["customer", "end_user"])
def test_customers(gateway: Gateway, name: str) -> None:
    who = f"of-{name}"
    made = good(gateway, "POST", f"/{name}/new", user_id=who, alias="C", max_budget=3)
    assert (made["user_id"], made["blocked"], made["litellm_budget_table"]["max_budget"]) == (who, False, 3.0)
    again = ask(gateway, "POST", f"/{name}/new", user_id=who)
    assert (again.status_code, again.json()["error"]["param"]) == (400, "user_id")
    changed = good(gateway, "POST", f"/{name}/update", user_id=who, max_budget=4, alias=None)
    assert (changed["alias"], changed["litellm_budget_table"]["max_budget"]) == (None, 4.0)
    assert changed["budget_id"] == made["budget_id"]
    good(gateway, "POST", f"/{name}/block", user_ids=[who, f"{who}-2"])
    assert good(gateway, "GET", f"/{name}/info", end_user_id=who)["blocked"] is True
    assert good(gateway, "POST", f"/{name}/unblock", user_ids=[who]) == {"blocked_users": [f"{who}-2"]}
    assert good(gateway, "POST", f"/{name}/delete", user_ids=[who, f"{who}-2"])["deleted_customers"] == 2
    assert ask(gateway, "GET", f"/{name}/info", end_user_id=who).status_code == 404


def test_tags(gateway: Gateway) -> None:
    made = good(gateway, "POST", "/tag/new", name="t", description="D", models=["m"], max_budget=3)
    assert made["tag"]["models"] == ["m"]
    assert ask(gateway, "POST", "/tag/new", name="t").status_code == 400
    assert good(gateway, "POST", "/tag/update", name="t", description="E")["tag"]["description"] == "E"
    assert good(gateway, "POST", "/tag/info", names=["t"])["t"]["litellm_budget_table"]["max_budget"] == 3.0
    assert [row["name"] for row in good(gateway, "GET", "/tag/list")] == ["t"]
    good(gateway, "POST", "/tag/delete", name="t")
    assert ask(gateway, "POST", "/tag/info", names=["t"]).status_code == 404


def test_credentials_are_encrypted_and_masked(gateway: Gateway, read: Any) -> None:
    secret = "canary-credential-0123456789"
    values = {"api_key": secret, "pin": "1234"}
    good(gateway, "POST", "/credentials", credential_name="c", credential_info={"a": 1}, credential_values=values)
    assert ask(gateway, "POST", "/credentials", credential_name="c").status_code == 409
    shown = {"api_key": "****6789", "pin": "****"}
    (listed,) = good(gateway, "GET", "/credentials")["credentials"]
    assert (listed["credential_values"], listed["credential_info"]) == (shown, {"a": 1})
    good(gateway, "PATCH", "/credentials/c", credential_values={"pin": "5678"}, credential_info={"b": 2})
    one = good(gateway, "GET", "/credentials/by_name/c")
    assert (one["credential_values"], one["credential_info"]) == (shown, {"a": 1, "b": 2})
    kept = read("SELECT credential_values FROM credentials")
    assert "tj1:" in kept
    assert secret not in kept
    assert secret not in gateway.log
    good(gateway, "DELETE", "/credentials/c")
    assert ask(gateway, "GET", "/credentials/by_name/c").status_code == 404


def test_what_a_maker_has_bounds_what_he_makes(gateway: Gateway) -> None:
    good(gateway, "POST", "/user/new", user_id="moe", auto_create_key=False)
    narrow = good(
        gateway, "POST", "/key/generate", user_id="moe", models=["m"], max_budget=2, rpm_limit=5, duration="1d",
        allowed_routes=["/key/generate", "/key/update", "/v1/models"],
    )["key"]  # fmt: skip
    child = good(gateway, "POST", "/key/generate", narrow)
    assert (child["models"], child["max_budget"], child["rpm_limit"]) == (["m"], 2.0, 5)
    assert child["allowed_routes"] == ["/key/generate", "/key/update", "/v1/models"]
    assert child["expires"] is not None
    refused: list[dict[str, Any]] = [
        {"models": ["m", "n"]}, {"models": ["*"]}, {"models": ["all-team-models"]}, {"max_budget": 3},
        {"rpm_limit": 6}, {"duration": "2d"}, {"duration": "-1"}, {"allowed_routes": ["*"]},
        {"allowed_routes": ["management_routes"]}, {"key_type": "management"},
    ]  # fmt: skip
    for fields in refused[:6] + refused[7:]:
        answer = ask(gateway, "POST", "/key/generate", narrow, **fields)
        assert answer.status_code == 400, (fields, answer.text)
    for fields in ({"models": ["n"]}, {"models": []}, {"max_budget": None}, {"rpm_limit": 6}, {"duration": "-1"}):
        for key in (narrow, child["key"]):
            answer = ask(gateway, "POST", "/key/update", narrow, key=key, **fields)
            assert answer.status_code == 400, (fields, answer.text)
    for fields in ({"permissions": {"get_spend_routes": True}}, {"spend": 0}, {"metadata": {"priority": "high"}}):
        for path in ("/key/generate", "/key/update"):
            answer = ask(
                gateway, "POST", path, narrow, **({"key": narrow} if path.endswith("update") else {}), **fields
            )
            assert answer.status_code == 403, (path, fields, answer.text)
    assert ask(gateway, "POST", "/key/generate", narrow, user_id="somebody").status_code == 403
    assert good(gateway, "POST", "/key/update", narrow, key=child["key"], max_budget=1)["max_budget"] == 1.0


def test_nobody_gets_a_key_of_somebody_who_may_do_more(gateway: Gateway) -> None:
    """A key does what its owner may: whoever could have one made, or replaced, would be that owner."""
    good(gateway, "POST", "/user/new", user_id="chief", user_role="proxy_admin", auto_create_key=False)
    good(gateway, "POST", "/user/new", user_id="elsewhere", auto_create_key=False)
    good(gateway, "POST", "/team/new", team_id="far", members=["elsewhere"])
    good(gateway, "POST", "/team/new", team_id="near", admins=["lead"], members=["chief", "elsewhere", "plain"])
    lead = good(gateway, "POST", "/key/generate", user_id="lead")["key"]
    assert good(gateway, "POST", "/key/generate", lead, team_id="near", user_id="plain")["user_id"] == "plain"
    mine = good(gateway, "POST", "/key/generate", lead, team_id="near")["token"]
    for above in ("chief", "elsewhere"):
        assert ask(gateway, "POST", "/key/generate", lead, team_id="near", user_id=above).status_code == 403
        assert ask(gateway, "POST", "/key/update", lead, key=mine, user_id=above).status_code == 403
        theirs = good(gateway, "POST", "/key/generate", team_id="near", user_id=above)["token"]
        assert ask(gateway, "POST", "/key/regenerate", lead, key=theirs).status_code == 403
        assert ask(gateway, "POST", f"/key/{theirs}/regenerate", lead).status_code == 403
        assert ask(gateway, "POST", "/key/block", lead, key=theirs).status_code == 200


def test_who_was_blocked_does_not_unblock_himself(gateway: Gateway) -> None:
    first, second = (good(gateway, "POST", "/key/generate", user_id="rob")["key"] for _ in range(2))
    good(gateway, "POST", "/user/new", user_id="rob", auto_create_key=False)
    good(gateway, "POST", "/key/block", key=first)
    assert ask(gateway, "POST", "/key/unblock", second, key=first).status_code == 403
    assert ask(gateway, "POST", "/key/update", second, key=first, blocked=False).status_code == 403
    assert (
        ask(gateway, "POST", "/key/bulk_update", second, keys=[{"key": first, "blocked": None}]).json()[
            "successful_updates"
        ]
        == []
    )
    good(gateway, "POST", "/key/block", second, key=second)
    assert not works(gateway, second)
    good(gateway, "POST", "/key/unblock", key=first)
    assert works(gateway, first)


def test_what_a_key_is_held_to_its_children_are_held_to(gateway: Gateway) -> None:
    held = good(
        gateway, "POST", "/key/generate", user_id="kay", guardrails=["pii"], model_rpm_limit={"m": 5}, max_budget=9,
        budget_duration="30d",
    )["key"]  # fmt: skip
    good(gateway, "POST", "/user/new", user_id="kay", auto_create_key=False)
    child = good(gateway, "POST", "/key/generate", held, guardrails=["toxic"])
    assert child["metadata"] == {"guardrails": ["pii", "toxic"], "model_rpm_limit": {"m": 5}}
    assert child["budget_duration"] == "30d"
    assert ask(gateway, "POST", "/key/generate", held, model_rpm_limit={"m": 6}).status_code == 400
    assert ask(gateway, "POST", "/key/generate", held, budget_duration="1s").status_code == 400
    for fields in (
        {"guardrails": []},
        {"metadata": {"guardrails": None}},
        {"budget_duration": "1h"},
        {"model_rpm_limit": None},
    ):
        for key in (held, child["key"]):
            answer = ask(gateway, "POST", "/key/update", held, key=key, **fields)
            assert answer.status_code == 400, (fields, answer.text)
    good(gateway, "POST", "/budget/new", budget_id="kays", max_budget=3, rpm_limit=4, model_max_budget={})
    bound = good(gateway, "POST", "/key/generate", user_id="kay", budget_id="kays")["key"]
    child = good(gateway, "POST", "/key/generate", bound)
    assert (child["max_budget"], child["rpm_limit"]) == (3.0, 4), "its budget is no one else's"
    assert ask(gateway, "POST", "/key/generate", bound, max_budget=4).status_code == 400
    good(gateway, "POST", "/team/new", team_id="kays", admins=["kay"])
    good(gateway, "POST", "/project/new", team_id="kays", project_id="kays")
    bound = good(gateway, "POST", "/key/generate", user_id="kay", team_id="kays", project_id="kays")["key"]
    child = good(gateway, "POST", "/key/generate", bound, team_id="kays")
    assert child["project_id"] == "kays"
    assert ask(gateway, "POST", "/key/update", bound, key=child["key"], project_id=None).status_code == 400
    kept = good(gateway, "POST", "/key/update", held, key=held, metadata={"free": 1})
    assert kept["metadata"] == {"free": 1, "guardrails": ["pii"], "model_rpm_limit": {"m": 5}}
