"""An identity provider puts people and groups here, changes them, and takes them away."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "litellm_settings": {
            "scim_admin_group": "Admins",
            "default_internal_user_params": {"user_role": "internal_user"},
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("scim"), edge=edge, workers=2) as running:
        yield running


class Client:
    """A provider with a key of a proxy admin."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        headers = {"content-type": "application/scim+json"}
        answer = self._gateway.client.request(method, f"/scim/v2{path}", json=body, params=query, headers=headers)
        if answer.status_code != 204:
            assert answer.headers["content-type"] == "application/scim+json"
        return answer

    def good(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.ask(method, path, body, **query)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str | None]:
        answer = self.ask(method, path, body, **query)
        said = answer.json()
        assert said["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert said["status"] == str(answer.status_code)
        assert said["detail"]
        return answer.status_code, said.get("scimType")

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        return self.good("PATCH", path, {"schemas": schemas, "Operations": [*operations]})

    def user(self, **fields: Any) -> dict[str, Any]:
        name = f"user-{next(numbers)}"
        return self.good("POST", "/Users", {"userName": name, "emails": [{"value": f"{name}@Example.com"}], **fields})

    def group(self, *members: dict[str, Any], **fields: Any) -> dict[str, Any]:
        named = [{"value": member["id"]} for member in members]
        return self.good("POST", "/Groups", {"displayName": f"group-{next(numbers)}", "members": named, **fields})


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway)


def key_of(gateway: Gateway, user: dict[str, Any], **fields: Any) -> dict[str, str]:
    made = gateway.client.post("/key/generate", json={"user_id": user["id"], **fields}).json()["key"]
    return {"authorization": f"Bearer {made}"}


def role_of(gateway: Gateway, user: dict[str, Any]) -> str:
    return str(gateway.client.get("/user/info", params={"user_id": user["id"]}).json()["user_info"]["user_role"])


def test_a_user_comes_is_read_and_goes(gateway: Gateway, client: Client) -> None:
    answer = client.ask(
        "POST",
        "/Users",
        {
            "userName": "Ann@Example.com",
            "externalId": "00u1",
            "displayName": "Ann A.",
            "name": {"givenName": "Ann", "familyName": "A."},
            "active": True,
            ENTERPRISE: {"department": "X"},
        },
    )
    assert answer.status_code == 201, answer.text
    ann = answer.json()
    assert answer.headers["location"] == ann["meta"]["location"] == f"{gateway.url}/scim/v2/Users/Ann%40Example.com"
    assert (ann["userName"], ann["externalId"], ann["displayName"], ann["active"]) == (
        "Ann@Example.com", "00u1", "Ann A.", True
    )  # fmt: skip
    assert (ann["name"]["givenName"], ann[ENTERPRISE]) == ("Ann", {"department": "X"})
    assert ann["emails"] == [{"value": "ann@example.com", "primary": True, "type": "work"}]
    assert client.good("GET", "/Users/Ann%40Example.com") == ann
    info = gateway.client.get("/user/info", params={"user_id": ann["id"]}).json()["user_info"]
    assert (info["sso_user_id"], info["user_alias"], info["user_role"]) == ("00u1", "Ann A.", "internal_user")
    assert client.refused("POST", "/Users", {"userName": "Ann@Example.com"}) == (409, "uniqueness")
    key = key_of(gateway, ann)
    assert client.ask("DELETE", "/Users/Ann%40Example.com").status_code == 204
    assert client.refused("GET", "/Users/Ann%40Example.com") == (404, None)
    assert gateway.client.get("/v1/models", headers=key).status_code == 401


def test_who_is_here_by_his_mail_is_found_again(gateway: Gateway, client: Client) -> None:
    gateway.client.post("/user/new", json={"user_id": "bob", "user_email": "bob@example.com"}).raise_for_status()
    bob = client.good("POST", "/Users", {"userName": "bob@example.com", "externalId": "00u2"})
    assert (bob["id"], bob["externalId"]) == ("bob", "00u2")
    other = client.user()
    assert client.refused("PUT", f"/Users/{other['id']}", {"externalId": "00u2"}) == (409, "uniqueness")
    taken = {"emails": [{"value": "Bob@example.com"}]}
    assert client.refused("PUT", f"/Users/{other['id']}", taken) == (409, "uniqueness")


def test_who_is_deactivated_is_out_at_once_and_back_at_once(gateway: Gateway, client: Client) -> None:
    user = client.user()
    team = client.group(user)
    password = "Correct horse 1"
    gateway.client.post("/user/update", json={"user_id": user["id"], "password": password}).raise_for_status()
    keys = [key_of(gateway, user), key_of(gateway, user, team_id=team["id"])]

    def let_in() -> list[bool]:
        return [gateway.client.get("/v1/models", headers=key).status_code == 200 for key in keys for _ in range(4)]

    def signs_in() -> int:
        return gateway.client.post("/v2/login", json={"username": user["id"], "password": password}).status_code

    assert all(let_in())
    assert signs_in() == 200
    # as Okta and as Entra say it
    for off, on in ((False, True), ("False", "True")):
        client.patch(f"/Users/{user['id']}", {"op": "Replace", "path": "active", "value": off})
        assert not any(let_in())
        assert signs_in() == 401
        blocked = gateway.client.post("/user/update", json={"user_id": user["id"], "metadata": {"scim_active": True}})
        assert blocked.status_code == 200
        assert not any(let_in())  # nobody says that by another way
        assert client.good("PUT", f"/Users/{user['id']}", {"displayName": "X"})["active"] is False
        assert client.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": on}})["active"] is True
        assert all(let_in())
        assert signs_in() == 200
    made = client.user(active=False)
    assert gateway.client.get("/v1/models", headers=key_of(gateway, made)).status_code == 401


def test_users_are_changed_by_operations(client: Client) -> None:
    user = client.user(name={"givenName": "A"}, displayName="A", externalId=f"x{next(numbers)}")
    path = f"/Users/{user['id']}"
    found = client.patch(
        path,
        {"op": "add", "path": "name.familyName", "value": "B"},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "New@Example.com"},
        {"op": "remove", "path": "displayName"},
        {"op": "remove", "path": "externalId"},
    )
    assert found["name"] == {"givenName": "A", "familyName": "B"}
    assert found["emails"][0]["value"] == "new@example.com"
    assert "displayName" not in found
    assert "externalId" not in found
    kept = client.good("PUT", path, {"displayName": "C", "groups": []})
    assert (kept["displayName"], kept["name"], kept["emails"]) == ("C", found["name"], found["emails"])
    for operation, code in (
        ({"op": "replace", "path": "userName", "value": "somebody"}, "mutability"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": 1}, "invalidValue"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "jump"}, "invalidSyntax"),
    ):
        assert client.refused("PATCH", path, {"Operations": [operation]}) == (400, code)
    for body in ({}, {"Operations": 1}, [], "x"):
        assert client.refused("PATCH", path, body) == (400, "invalidSyntax")
    assert client.refused("POST", "/Users", {}) == (400, "invalidValue")
    assert client.refused("POST", "/Users", {"userName": "default_user_id"}) == (409, "uniqueness")


def test_groups_are_teams_and_members_lose_their_keys_with_them(gateway: Gateway, client: Client) -> None:
    ann, bob = client.user(), client.user()
    group = client.group(ann, externalId=f"g{next(numbers)}")
    assert group["id"] == group["externalId"]
    path = f"/Groups/{group['id']}"
    nested = {"value": "whatever", "type": "Group"}
    found = client.patch(path, {"op": "add", "path": "members", "value": [{"value": bob["id"]}, nested]})
    assert {member["value"] for member in found["members"]} == {ann["id"], bob["id"]}
    told = gateway.client.get("/team/info", params={"team_id": group["id"]}).json()["team_info"]
    assert {one["user_id"] for one in told["members_with_roles"]} == {ann["id"], bob["id"]}
    key = key_of(gateway, ann, team_id=group["id"])
    assert gateway.client.get("/v1/models", headers=key).status_code == 200
    client.patch(path, {"op": "remove", "path": f'members[value eq "{ann["id"]}"]'})
    assert gateway.client.get("/v1/models", headers=key).status_code == 401
    assert client.good("GET", f"/Users/{bob['id']}")["groups"][0]["value"] == group["id"]
    assert client.good("GET", f"/Users/{ann['id']}")["groups"] == []
    renamed = client.patch(path, {"op": "replace", "value": {"displayName": "Renamed"}})
    assert (renamed["displayName"], len(renamed["members"])) == ("Renamed", 1)
    assert client.good("PUT", path, {"displayName": "Again"})["members"] == renamed["members"]
    assert client.good("PUT", path, {"members": []})["members"] == []
    client.good("PUT", f"/Users/{ann['id']}", {"groups": [{"value": group["id"]}]})
    assert client.good("GET", path)["members"][0]["value"] == ann["id"]
    left = client.patch(f"/Users/{ann['id']}", {"op": "remove", "path": f'groups[value eq "{group["id"]}"]'})
    assert left["groups"] == []
    assert client.ask("DELETE", path).status_code == 204
    assert gateway.client.get("/team/info", params={"team_id": group["id"]}).status_code == 404


def test_members_are_known_by_several_names_and_made_if_need_be(client: Client) -> None:
    outside = f"o{next(numbers)}"
    known = client.user(externalId=outside)
    mail = known["emails"][0]["value"]
    fresh = f"fresh-{next(numbers)}@example.com"
    group = client.group(known, {"id": outside}, {"id": mail.upper()}, {"id": fresh})
    assert {member["value"] for member in group["members"]} == {known["id"], fresh}
    assert client.good("GET", f"/Users/{fresh}")["emails"][0]["value"] == fresh


def test_who_is_in_the_group_of_administrators_is_one_as_long_as_he_is(gateway: Gateway, client: Client) -> None:
    ann, bob = client.user(), client.user()
    group = client.group(ann, displayName="Admins")
    path = f"/Groups/{group['id']}"
    assert (role_of(gateway, ann), role_of(gateway, bob)) == ("proxy_admin", "internal_user")
    client.patch(path, {"op": "replace", "path": "members", "value": [{"value": bob["id"]}]})
    assert (role_of(gateway, ann), role_of(gateway, bob)) == ("internal_user", "proxy_admin")
    client.patch(path, {"op": "replace", "path": "displayName", "value": "Others"})
    assert role_of(gateway, bob) == "internal_user"
    # a name that was given elsewhere than here makes nobody an administrator
    gateway.client.post("/team/update", json={"team_id": group["id"], "team_alias": "Admins"}).raise_for_status()
    client.good("PUT", f"/Users/{ann['id']}", {"groups": [{"value": group["id"]}]})
    assert role_of(gateway, ann) == "internal_user"


def test_a_key_that_somebody_below_made_does_not_become_an_administrators(gateway: Gateway, client: Client) -> None:
    lead, ann, bob = client.user(), client.user(), client.user()
    team = client.group(ann, bob)["id"]
    member = {"team_id": team, "member": {"user_id": lead["id"], "role": "admin"}}
    gateway.client.post("/team/member_add", json=member).raise_for_status()
    by_lead = key_of(gateway, lead)
    for user, raise_him in (
        (ann, lambda: client.group(ann, displayName="Admins")),
        (bob, lambda: gateway.client.post("/user/update", json={"user_id": bob["id"], "user_role": "proxy_admin"})),
    ):
        body = {"team_id": team, "user_id": user["id"]}
        made = gateway.client.post("/key/generate", json=body, headers=by_lead).json()["key"]
        known, own = {"authorization": f"Bearer {made}"}, key_of(gateway, user)
        assert gateway.client.get("/v1/models", headers=known).status_code == 200
        raise_him()
        assert role_of(gateway, user) == "proxy_admin"
        assert gateway.client.get("/v1/models", headers=known).status_code == 401
        assert gateway.client.get("/global/spend", headers=own).status_code == 200
    # nor does one that was made before its owner came
    coming = f"coming-{next(numbers)}"
    early = gateway.client.post("/key/generate", json={"team_id": team, "user_id": coming}, headers=by_lead)
    new = {"user_id": coming, "user_role": "proxy_admin", "auto_create_key": False}
    gateway.client.post("/user/new", json=new).raise_for_status()
    known = {"authorization": f"Bearer {early.json()['key']}"}
    assert gateway.client.get("/global/spend", headers=known).status_code == 401


def test_an_administrator_by_other_ways_stays_one(gateway: Gateway, client: Client) -> None:
    user = client.user()
    gateway.client.post("/user/update", json={"user_id": user["id"], "user_role": "proxy_admin"}).raise_for_status()
    client.group(user)
    assert role_of(gateway, user) == "proxy_admin"


def test_lists_have_pages_and_filters(client: Client) -> None:
    users = [client.user() for _ in range(3)]
    page = client.good("GET", "/Users", startIndex=2, count=1)
    assert (page["startIndex"], page["itemsPerPage"], len(page["Resources"])) == (2, 1, 1)
    assert page["totalResults"] >= 3
    assert page["Resources"][0]["id"] == users[1]["id"]  # the newest is the first
    assert client.good("GET", "/Users", count=0)["Resources"] == []
    assert client.good("GET", "/Users", startIndex=-5, count=-1)["startIndex"] == 1
    assert client.good("GET", "/Users", startIndex=10**6)["Resources"] == []
    mail = users[0]["emails"][0]["value"]
    for text in (
        f'userName eq "{users[0]["id"]}"',
        f'userName Eq "{mail.upper()}"',
        f'emails.value eq "{mail}"',
        f'id eq "{users[0]["id"]}" and emails.value eq "{mail}"',
    ):
        found = client.good("GET", "/Users", filter=text)
        assert [one["id"] for one in found["Resources"]] == [users[0]["id"]], text
    assert client.good("GET", "/Users", filter='userName eq "nobody"')["totalResults"] == 0
    for text in ("userName", 'userName sw "a"', 'age eq "1"', "userName eq 1"):
        assert client.refused("GET", "/Users", filter=text) == (400, "invalidFilter")
    group = client.group(users[0])
    found = client.good(
        "GET", "/Groups", filter=f'displayName eq "{group["displayName"]}"', excludedAttributes="members"
    )
    assert [(one["id"], "members" in one) for one in found["Resources"]] == [(group["id"], False)]
    assert client.good("GET", "/Groups", filter=f'members.value eq "{users[0]["id"]}"')["totalResults"] == 1
    assert set(client.good("GET", f"/Groups/{group['id']}", attributes="displayName")) == {
        "id", "schemas", "meta", "displayName"
    }  # fmt: skip


def test_the_service_says_what_it_can_do(gateway: Gateway, client: Client) -> None:
    for path in ("", "/", "/ServiceProviderConfig"):
        said = client.good("GET", path)
        assert (said["patch"]["supported"], said["bulk"]["supported"]) == (True, False)
    assert [one["id"] for one in client.good("GET", "/ResourceTypes")["Resources"]] == ["User", "Group"]
    assert client.good("GET", "/ResourceTypes/User")["endpoint"] == "/Users"
    schemas = client.good("GET", "/Schemas")
    assert schemas["totalResults"] == 3
    for schema in schemas["Resources"]:
        assert client.good("GET", f"/Schemas/{schema['id']}") == schema
        assert all(attribute["name"] for attribute in schema["attributes"])
    assert client.refused("GET", "/Schemas/none") == (404, None)


def test_only_administrators_come_here(gateway: Gateway, client: Client) -> None:
    user = client.user()
    for headers in (key_of(gateway, user), {"authorization": "Bearer sk-nobody"}):
        for method, path in (("GET", "/scim/v2/Users"), ("POST", "/scim/v2/Groups"), ("GET", "/scim/v2/Schemas")):
            assert gateway.client.request(method, path, headers=headers).status_code == 401
