"""What callers may have, through the running gateway with four workers: limits, budgets, shares, and who stands in."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.contract.accounting.asking import CENT, COMPLETIONS, PRICES, ask, crowd, key
from tests.contract.conftest import StartGateway
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, events, eventually, openai_model

TEN = {"prompt_tokens": 7, "completion_tokens": 10, "total_tokens": 17}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            openai_model("plain", "plain-up", base),
            openai_model("priced", "priced-up", base, **PRICES),
            openai_model("cheap", "cheap-up", base, input_cost_per_token=0, output_cost_per_token=0.0001),
            openai_model("free", "free-up", base, input_cost_per_token=0, output_cost_per_token=0),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"plain": ["priced", "free"]}]},
        "litellm_settings": {"budget_exceeded_throttle_percentage": 0.25},
    }
    with Gateway(config, tmp_path_factory.mktemp("limits"), edge=edge, workers=4, env=BOOKS) as running:
        for team in ("limited", "open"):
            fields = {"team_id": team} | ({"rpm_limit": 2} if team == "limited" else {})
            assert running.post("/team/new", fields).status_code == 200
        yield running


@pytest.fixture(autouse=True)
def _answers_are_good(mock: Mock) -> None:
    """What an earlier test let fail is whole again, and answers cost a cent."""
    answers(mock)


def answers(mock: Mock, **usage: int) -> None:
    mock.reset()  # the first rule that fits is the one
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    body = {"object": "chat.completion", "choices": [choice], "usage": TEN | usage}
    mock.control({"body": json.dumps(body)})


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["type"]


def test_n_lets_exactly_n_through_whoever_asks(gateway: Gateway) -> None:
    assert crowd(gateway, 500, key(gateway, rpm_limit=123)) == {200: 123, 429: 377}


def test_tokens_are_reserved_before_and_settled_after(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, tpm_limit=1000)
    answer = ask(gateway, own)
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) == 1000 - 17
    answers(mock, completion_tokens=900, total_tokens=907)
    assert ask(gateway, own).status_code == 200, "nobody knew how much it would be"
    refused = ask(gateway, own, max_tokens=100)
    assert error(refused) == (429, "throttling_error")
    assert "Limit type: tokens" in refused.json()["error"]["message"]
    assert ask(gateway, own, max_tokens=30).status_code == 200


def test_what_an_answer_says_is_true_to_the_number(gateway: Gateway) -> None:
    own = key(gateway, rpm_limit=3)
    left = [int(ask(gateway, own).headers["x-ratelimit-remaining-requests"]) for _ in range(3)]
    assert left == [2, 1, 0]
    refused = ask(gateway, own)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining-requests"]) == (429, "0")
    assert 55 <= int(refused.headers["retry-after"]) <= 62
    assert "x-ratelimit-limit-requests" not in ask(gateway, gateway.key).headers


def test_zero_denies_and_null_does_not_limit(gateway: Gateway) -> None:
    for name in ("rpm_limit", "tpm_limit", "max_parallel_requests"):
        refused = ask(gateway, key(gateway, **{name: 0}))
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers, "waiting does not help"
    assert error(ask(gateway, key(gateway, max_budget=0), "priced")) == (422, "budget_exceeded")
    assert ask(gateway, key(gateway, rpm_limit=None, max_budget=None)).status_code == 200


@pytest.mark.parametrize("whose", ["key", "customer"])
def test_no_way_leads_around_a_limit(gateway: Gateway, whose: str) -> None:
    """Neither a response in the background, nor several models at once, nor another form."""
    name = f"nobody-{whose}"
    if whose == "customer":
        assert gateway.post("/customer/new", {"user_id": name, "rpm_limit": 0}).status_code == 200
    limits = {"rpm_limit": 0} if whose == "key" else {"rpm_limit": 50}
    headers = {"authorization": f"Bearer {key(gateway, **limits)}"}
    headers |= {"x_litellm_customer_id": name} if whose == "customer" else {}
    background = {"model": "plain", "input": "x", "background": True}
    at = f"/v1/responses/{gateway.post('/v1/responses', background, **headers).json()['id']}"
    read = {"authorization": headers["authorization"]}
    ended = eventually(
        lambda: (one := gateway.client.get(at, headers=read).json())["status"] not in ("queued", "in_progress") and one,
        "the response ends",
    )
    assert (ended["status"], ended["error"]["code"]) == ("failed", "429")
    answers = gateway.chat({"model": "plain,cheap", "messages": []}, **headers).json()
    assert [one["error"]["type"] for one in answers] == ["throttling_error"] * 2
    content = {"content": {"parts": [{"text": "x"}]}}
    assert gateway.post("/v1beta/models/plain:embedContent", content, **headers).status_code == 429


def test_requests_at_a_time_whoever_asks_and_however_they_end(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, max_parallel_requests=3)
    mock.reset()
    mock.control({"stall_at": 3}, model="plain-up")
    with ExitStack() as open_streams:
        for _ in range(3):
            stream = gateway.client.stream(
                "POST", COMPLETIONS, json={"model": "plain", "messages": [], "stream": True},
                headers={"authorization": f"Bearer {own}"},
            )  # fmt: skip
            assert open_streams.enter_context(stream).status_code == 200
        refused = ask(gateway, own)
        assert error(refused) == (429, "throttling_error")
        assert "max_parallel_requests" in refused.json()["error"]["message"]
    answers(mock)
    eventually(lambda: ask(gateway, own).status_code == 200, "clients that left have given their places back")


def test_whoever_stands_above_a_key_limits_it(gateway: Gateway) -> None:
    of_team = [key(gateway, team_id="limited") for _ in range(3)]
    assert [ask(gateway, own).status_code for own in of_team] == [200, 200, 429]
    user = gateway.post("/user/new", {"rpm_limit": 1}).json()
    others = [user["key"], key(gateway, user_id=user["user_id"])]
    assert [ask(gateway, own).status_code for own in others] == [200, 429]
    budget = {"organization_alias": "o", "rpm_limit": 1, "models": []}
    organization = gateway.post("/organization/new", budget).json()["organization_id"]
    others = [key(gateway, organization_id=organization) for _ in range(2)]
    assert [ask(gateway, own).status_code for own in others] == [200, 429]


@pytest.mark.parametrize("names", [{"user": "c"}, {"metadata": {"user_id": "c"}}, {"safety_identifier": "c"}, None])
def test_a_customer_has_limits_of_his_own(gateway: Gateway, names: dict[str, Any] | None) -> None:
    name = f"customer-{names and next(iter(names))}"
    assert gateway.post("/customer/new", {"user_id": name, "rpm_limit": 2}).status_code == 200
    headers = {"x_litellm_customer_id": name} if names is None else {}
    members = json.loads(json.dumps(names or {}).replace('"c"', json.dumps(name)))
    body = {"model": "plain", "messages": [], **members}
    assert [gateway.chat(body, **headers).status_code for _ in range(3)] == [200, 200, 429]
    assert gateway.chat({**body, "user": "somebody else"}).status_code in (200, 429)


def test_a_blocked_customer_is_refused_until_he_is_unblocked(gateway: Gateway) -> None:
    body = {"model": "plain", "messages": [], "user": "blocked-one"}
    assert gateway.chat(body).status_code == 200
    gateway.post("/customer/block", {"user_ids": ["blocked-one"]})
    assert {gateway.chat(body).status_code for _ in range(8)} == {401}
    gateway.post("/customer/unblock", {"user_ids": ["blocked-one"]})
    assert {gateway.chat(body).status_code for _ in range(8)} == {200}


def test_what_a_member_has_spent_is_said_anew(gateway: Gateway) -> None:
    member = {"role": "user", "user_id": "spender"}
    joined = gateway.post("/team/member_add", {"team_id": "open", "member": member, "max_budget_in_team": CENT})
    assert joined.status_code == 200, joined.text
    own = key(gateway, team_id="open", user_id="spender")
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    path = "/team/open/member/spender/reset_spend"

    def reset(to: float, **headers: str) -> httpx.Response:
        return gateway.post(path, {"reset_to": to}, **headers)

    eventually(lambda: reset(CENT).status_code == 200, "what was spent has come into the database")
    assert reset(1.5 * CENT).status_code == 400
    assert reset(-CENT).status_code == 400
    assert reset(0, authorization=f"Bearer {own}").status_code in (401, 403)
    told = reset(0).json()
    assert (told["spend"], told["previous_spend"], told["max_budget"]) == (0, CENT, CENT)
    eventually(lambda: ask(gateway, own, "priced").status_code == 200, "he may spend again")
    assert gateway.post("/team/open/member/nobody/reset_spend", {"reset_to": 0}).status_code == 404


def test_a_tag_has_a_budget(gateway: Gateway) -> None:
    assert gateway.post("/tag/new", {"name": "project-x", "max_budget": 1.5 * CENT}).status_code == 200
    body = {"model": "priced", "messages": [], "max_tokens": 10, "metadata": {"tags": ["project-x"]}}
    answers = [gateway.chat(body).status_code for _ in range(3)]
    assert answers == [200, 200, 422]


def test_one_cent_is_overshot_by_one_request_at_most(gateway: Gateway) -> None:
    own = key(gateway, max_budget=CENT)
    counts = crowd(gateway, 300, own, "priced")
    assert counts == {200: 1, 422: 299}


def test_an_estimate_that_does_not_fit_takes_what_is_left(gateway: Gateway) -> None:
    own = key(gateway, max_budget=2.5 * CENT)
    assert [ask(gateway, own, "priced").status_code for _ in range(4)] == [200, 200, 200, 422]


def test_what_embeddings_need_is_not_taken_for_what_an_answer_does(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, max_budget=CENT)
    headers = {"authorization": f"Bearer {own}"}
    mock.reset()
    for _ in range(2 * len(gateway.workers())):  # every worker has seen the key embed, twice
        assert gateway.post("/v1/embeddings", {"model": "priced", "input": "hi"}, **headers).status_code == 200
    mock.control({"stall_at": 3}, model="priced-up", times=1)
    body = {"model": "priced", "messages": [], "max_tokens": 10, "stream": True}
    with gateway.client.stream("POST", COMPLETIONS, json=body, headers=headers) as stream:
        assert stream.status_code == 200
        assert error(ask(gateway, own, "priced")) == (422, "budget_exceeded"), "the stream has set the cent aside"


def test_what_costs_nothing_needs_no_budget(gateway: Gateway) -> None:
    own = key(gateway, max_budget=CENT)
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    assert ask(gateway, own, "free").status_code == 200


def test_a_failed_request_gives_back_what_was_reserved(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, max_budget=CENT, tpm_limit=30)
    mock.reset()
    mock.control({"status": 500}, model="priced-up", times=2)
    assert [ask(gateway, own, "priced").status_code for _ in range(3)] == [500, 500, 200]


def test_a_failed_attempt_in_the_books_is_paid_for_once(gateway: Gateway, mock: Mock) -> None:
    own, other = key(gateway, max_budget=1), key(gateway)
    mock.reset()
    mock.control({"events": ['{"choices": [{"delta": {"role": "assistant"}}]}', "{broken"]}, times=1)
    mock.control({"stall_at": 3}, times=1)
    body = {"model": "priced", "messages": [], "max_tokens": 10, "stream": True, "num_retries": 1}
    headers = {"authorization": f"Bearer {own}"}
    with gateway.client.stream("POST", COMPLETIONS, json=body, headers=headers) as stream:
        assert stream.status_code == 200
        eventually(lambda: told(gateway, own)["spend"] > 0, "the first attempt is in the database", PATIENCE)
        assert ask(gateway, other, "priced").status_code == 200
        eventually(lambda: told(gateway, other)["spend"] > 0, "and the budgets were told", PATIENCE)
        first = told(gateway, own)["spend"]
    spent = eventually(lambda: told(gateway, own)["spend"] > first and told(gateway, own)["spend"], "all", PATIENCE)
    assert gateway.post("/key/update", {"key": own, "max_budget": spent}).status_code == 200
    refused = ask(gateway, own, "priced").json()["error"]["message"]
    assert f"Current cost: {spent:g}," in refused


def test_a_stream_ends_when_its_budget_is_used_up(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, max_budget=3 * CENT)
    mock.reset()
    mock.control({"tokens": 400, "token_rate": 1000}, model="priced-up")
    body = {"model": "priced", "messages": [], "max_tokens": 400, "stream": True}
    seen = events(gateway.chat(body, authorization=f"Bearer {own}").text)
    assert seen[-1] == "[DONE]"
    assert seen[-2]["choices"][0]["finish_reason"] == "budget_exceeded"
    assert 25 <= len(seen) <= 60, "thirty tokens were paid for; it is looked every sixteen"
    assert ask(gateway, own, "priced").status_code == 422


def test_a_budget_of_a_model_leads_to_its_fallback(gateway: Gateway) -> None:
    budget = {"priced": {"budget_limit": CENT, "time_period": "1d"}}
    own = key(gateway, model_max_budget=budget)
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    assert ask(gateway, own, "plain").status_code == 200, "another model has no such budget"
    own = key(gateway, model_max_budget=budget, budget_fallbacks={"priced": ["nobody", "cheap"]})
    groups = [ask(gateway, own, "priced").headers["x-litellm-model-group"] for _ in range(3)]
    assert groups == ["priced", "cheap", "cheap"]


def test_a_budget_that_was_sent_as_text_holds(gateway: Gateway) -> None:
    own = key(gateway, model_max_budget={"priced": {"budget_limit": f"{CENT:.7f}", "time_period": "1d"}})
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    window = {"budget_duration": "1d", "max_budget": f"{CENT:.7f}"}
    own = key(gateway, budget_limits=[window])
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]


@pytest.mark.parametrize(
    "entry", ["0.5", {"budget_limit": "much", "time_period": "1d"}, {"budget_limit": 1}, {"max_budget": True}]
)
def test_a_budget_of_a_model_that_would_hold_nobody_is_refused(gateway: Gateway, entry: object) -> None:
    refused = gateway.post("/key/generate", {"model_max_budget": {"priced": entry}})
    assert error(refused) == (400, "bad_request_error")
    assert refused.json()["error"]["param"] == "model_max_budget"


def test_a_limit_of_a_model_leads_to_the_fallbacks_of_the_model(gateway: Gateway) -> None:
    own = key(gateway, model_rpm_limit={"plain": 1})
    groups = [ask(gateway, own).headers["x-litellm-model-group"] for _ in range(2)]
    assert groups == ["plain", "priced"]
    narrow = key(gateway, model_rpm_limit={"plain": 1}, models=["plain"])
    assert [ask(gateway, narrow).status_code for _ in range(2)] == [200, 429]


def test_a_fallback_has_to_be_within_the_budget(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, max_budget=CENT)
    assert ask(gateway, own, "priced").status_code == 200
    mock.reset()
    mock.control({"status": 500}, model="plain-up")
    assert ask(gateway, gateway.key).headers["x-litellm-model-group"] == "priced"
    refused = ask(gateway, own)
    assert error(refused) == (422, "budget_exceeded"), "a model without a price is none that costs nothing"
    half = key(gateway, model_max_budget={"priced": {"budget_limit": 0, "time_period": "1d"}})
    assert ask(gateway, half).headers["x-litellm-model-group"] == "free", "the first fallback is passed over"


def test_a_budget_is_raised_for_a_while(gateway: Gateway) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    own = key(gateway, max_budget=CENT)
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    raised = {"key": own, "temp_budget_increase": CENT, "temp_budget_expiry": until}
    assert gateway.post("/key/update", raised).status_code == 200
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]


def test_a_change_of_a_limit_holds_from_the_next_request_on(gateway: Gateway) -> None:
    own = key(gateway, rpm_limit=1)
    assert [ask(gateway, own).status_code for _ in range(2)] == [200, 429]
    assert gateway.post("/key/update", {"key": own, "rpm_limit": 3}).status_code == 200
    assert [ask(gateway, own).status_code for _ in range(3)] == [200, 200, 429]


def test_a_spend_that_is_set_holds_from_the_next_request_on(gateway: Gateway) -> None:
    own = key(gateway, max_budget=CENT)
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    eventually(lambda: told(gateway, own)["spend"] == CENT, "the entry is in the database")
    assert gateway.post(f"/key/{own}/reset_spend", {"reset_to": 0}).status_code == 200
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    eventually(lambda: told(gateway, own)["spend"] == CENT, "what was spent since then")
    assert told(gateway, own)["total_spend"] == 2 * CENT
    assert gateway.post("/key/update", {"key": own, "spend": 0.5 * CENT}).status_code == 200
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]


def told(gateway: Gateway, own: str) -> dict[str, Any]:
    answer = gateway.client.get("/key/info", params={"key": own}).json()
    return dict(answer["info"])


def test_what_was_spent_of_a_budget_of_a_model_is_told(gateway: Gateway) -> None:
    entries = {"priced": {"budget_limit": 5 * CENT, "time_period": "1d"}, "free": {"rpm_limit": 5}}
    assert gateway.post("/team/new", {"team_id": "by-model", "model_max_budget": entries}).status_code == 200
    assert gateway.post("/user/new", {"user_id": "by-model", "model_max_budget": entries}).status_code == 200
    keys = [key(gateway, model_max_budget=entries, user_id="by-model"), key(gateway, team_id="by-model")]
    for own in keys:
        assert [ask(gateway, own, model).status_code for model in ("priced", "cheap")] == [200, 200]
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    whole = {"current_spend": CENT, "budget_limit": 5 * CENT, "time_period": "1d"}

    def used() -> list[Any]:
        user = gateway.client.get("/user/info", params={"user_id": "by-model"}).json()["user_info"]
        team = gateway.client.get("/team/info", params={"team_id": "by-model"}).json()["team_info"]
        return [one["model_max_budget_usage"] for one in (told(gateway, keys[0]), user, team)]

    eventually(lambda: all(found["priced"]["current_spend"] == CENT for found in used()), "the sums by day")
    for found in used():
        ends = datetime.fromisoformat(found["priced"].pop("budget_reset_at"))
        assert ends - midnight in (timedelta(), timedelta(days=1))
        assert found == {"priced": whole}
    assert told(gateway, keys[1])["model_max_budget_usage"] == {}


def test_another_secret_brings_no_other_budget(gateway: Gateway) -> None:
    entries = {"priced": {"budget_limit": CENT, "time_period": "1d"}}
    own = key(gateway, model_max_budget=entries, budget_limits=[{"budget_duration": "7d", "max_budget": 1.5 * CENT}])
    assert [ask(gateway, own, "priced").status_code for _ in range(2)] == [200, 422]
    eventually(lambda: told(gateway, own)["spend"] == CENT, "the entry is in the database")
    (window,) = told(gateway, own)["budget_limits"]
    assert datetime.fromisoformat(window["reset_at"]).weekday() == 0
    for _ in range(2):
        own = gateway.post("/key/regenerate", {"key": own}).json()["key"]
    assert told(gateway, own)["model_max_budget_usage"]["priced"]["current_spend"] == CENT
    assert ask(gateway, own, "priced").status_code == 422
    assert [ask(gateway, own, "cheap").status_code for _ in range(6)] == [200] * 5 + [422], "half a cent of its week"


def test_a_project_has_spent_what_its_keys_did_while_they_were_its(gateway: Gateway) -> None:
    assert gateway.post("/team/new", {"team_id": "of-projects"}).status_code == 200
    one, two = (
        gateway.post("/project/new", {"team_id": "of-projects", "max_budget": 3 * CENT}).json()["project_id"]
        for _ in range(2)
    )
    own = key(gateway, team_id="of-projects", project_id=one)
    assert ask(gateway, own, "priced").status_code == 200
    assert gateway.post("/key/update", {"key": own, "project_id": two}).status_code == 200
    assert [ask(gateway, own, "priced").status_code for _ in range(4)] == [200, 200, 200, 422]
    assert gateway.post("/key/delete", {"keys": [own]}).status_code == 200

    def spends() -> list[float]:
        said = (gateway.client.get("/project/info", params={"project_id": name}).json() for name in (one, two))
        return [project["spend"] for project in said]

    eventually(lambda: spends() == [CENT, 3 * CENT], "all of it is in the database")
    around = [datetime.now(UTC) + timedelta(days=days) for days in (-1, 1)]
    days = dict(zip(("start_date", "end_date"), (f"{moment:%Y-%m-%d}" for moment in around), strict=True))
    found = gateway.client.get("/project/daily/activity", params={"project_ids": two, **days}).json()
    assert found["metadata"]["total_spend"] == 3 * CENT
    found = gateway.client.get("/spend/logs/v2", params={"project_id": one, **days}).json()
    assert [row["metadata"]["user_api_key_project_id"] for row in found["data"]] == [one]


def test_a_key_goes_on_slowly_when_its_budget_is_used_up(gateway: Gateway) -> None:
    own = key(gateway, max_budget=CENT, rpm_limit=8, throttle_on_budget_exceeded=True)
    answers = [ask(gateway, own, "priced") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429], "two a minute are a quarter of eight"
    assert answers[1].headers["x-ratelimit-limit-requests"] == "2"
    unlimited = key(gateway, max_budget=CENT, throttle_on_budget_exceeded=True)
    refused = [ask(gateway, unlimited, "priced") for _ in range(2)][1]
    assert error(refused) == (422, "budget_exceeded"), "nothing would slow it down"


def test_a_dynamic_limit_holds_while_the_model_fails(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, rpm_limit=2, rpm_limit_type="dynamic")
    mock.reset()
    mock.control({"status": 500}, model="cheap-up")
    assert [ask(gateway, own, "free").status_code for _ in range(4)] == [200] * 4
    assert [ask(gateway, gateway.key, "cheap").status_code for _ in range(3)] == [500] * 3
    eventually(lambda: ask(gateway, own, "cheap").status_code == 429, "what every worker knows after a second")
    assert ask(gateway, own, "free").status_code == 200, "another model does not fail"


def test_what_is_guaranteed_has_to_fit(gateway: Gateway) -> None:
    assert gateway.post("/team/new", {"team_id": "guaranteed", "rpm_limit": 10}).status_code == 200
    promised = {"team_id": "guaranteed", "rpm_limit_type": "guaranteed_throughput"}
    key(gateway, rpm_limit=6, **promised)
    key(gateway, rpm_limit=6, team_id="guaranteed")
    refused = gateway.post("/key/generate", {"rpm_limit": 1, **promised})
    assert refused.status_code == 400
    assert "rpm_limit 1 cannot be guaranteed: 12 of the 10 of its team" in refused.text
    assert gateway.post("/key/generate", {"rpm_limit_type": "sometimes"}).status_code == 422


def test_all_together_have_a_budget_and_shares_of_a_model(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(
        {
            "model_list": [
                openai_model("priced", "priced-up", mock.url, **PRICES),
                openai_model("shared", "shared-up", mock.url, rpm=100),
            ],
            "router_settings": {"num_retries": 0},
            "litellm_settings": {
                "max_budget": 2 * CENT,
                "budget_duration": "30d",
                "callbacks": ["dynamic_rate_limiter_v3"],
                "priority_reservation": {"high": 0.75, "low": 0.25},
                "priority_reservation_settings": {"saturation_threshold": 0.5},
            },
        },
        workers=2,
    )
    high = key(gateway, metadata={"priority": "high"})
    low = key(gateway, metadata={"priority": "low"})
    assert crowd(gateway, 40, low, "shared") == {200: 40}, "below the threshold a share is only counted"
    assert crowd(gateway, 10, high, "shared") == {200: 10}
    assert crowd(gateway, 10, low, "shared") == {429: 10}, "above it, low has had more than its share"
    assert crowd(gateway, 60, high, "shared") == {200: 50, 429: 10}, "and the model's own limit ends it all"
    refused = ask(gateway, low, "shared")
    assert refused.json()["error"]["message"].startswith("Model capacity reached for shared. Priority: low")
    assert refused.headers["x-litellm-priority"] == "low"
    assert [ask(gateway, gateway.key, "priced").status_code for _ in range(3)] == [200, 200, 422]
    assert "Proxy" in ask(gateway, high, "priced").json()["error"]["message"]
