"""Anthropic's Message Batches through the gateway: Anthropic's client, and nobody else's batches."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import UPSTREAM_KEY, Gateway, Mock
from tests.contract.objects.keys import key

TEN = "one two three four five six seven eight nine ten"
PATH = "/v1/messages/batches"


def client_of(gateway: Gateway, secret: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=secret, max_retries=0)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with client_of(gateway, key(gateway)) as made:
        yield made


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with client_of(gateway, key(gateway)) as made:
        yield made


def requests_for(*models: str) -> Any:
    """Return requests of ten words each, whose answers have four tokens."""
    messages = [{"role": "user", "content": TEN}]
    return [
        {"custom_id": f"r{number}", "params": {"model": model, "max_tokens": 4, "messages": messages}}
        for number, model in enumerate(models)
    ]


def test_a_batch_is_made_asked_for_read_and_deleted(gateway: Gateway, client: anthropic.Anthropic, mock: Mock) -> None:
    batches = client.messages.batches
    made = batches.create(requests=requests_for("sonnet", "sonnet"))
    sent = mock.last()
    assert (sent["path"], dict(sent["headers"])["x-api-key"]) == (PATH, UPSTREAM_KEY)
    assert [one["params"]["model"] for one in sent["json"]["requests"]] == ["claude-sonnet-up"] * 2
    assert made.id.startswith("msgbatch_tj")
    assert (made.processing_status, made.request_counts.processing, made.results_url) == ("in_progress", 2, None)
    done = batches.retrieve(made.id)
    assert (done.id, done.processing_status, done.request_counts.succeeded) == (made.id, "ended", 2)
    assert done.results_url == f"{gateway.url}{PATH}/{made.id}/results"
    results = list(batches.results(made.id))
    assert [one.custom_id for one in results] == ["r0", "r1"]
    assert [one.result.message.usage.output_tokens for one in results if one.result.type == "succeeded"] == [4, 4]
    assert batches.delete(made.id).id == made.id
    assert list(batches.list()) == []
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(made.id)


def test_a_batch_is_cancelled_and_goes_only_when_it_is_over(client: anthropic.Anthropic, mock: Mock) -> None:
    made = client.messages.batches.create(requests=requests_for("sonnet"))
    assert client.messages.batches.cancel(made.id).processing_status == "canceling"
    assert mock.last()["path"].endswith("/cancel")
    assert client.messages.batches.retrieve(made.id).request_counts.canceled == 1
    assert [one.result.type for one in client.messages.batches.results(made.id)] == ["canceled"]


def test_lists_come_in_pages_and_say_how_far_batches_are(client: anthropic.Anthropic) -> None:
    made = [client.messages.batches.create(requests=requests_for("sonnet")).id for _ in range(5)]
    batches = client.messages.batches
    assert [(batch.id, batch.processing_status) for batch in batches.list(limit=2)] == [
        (name, "ended") for name in made[::-1]
    ]
    first = batches.list(limit=2)
    assert (first.first_id, first.last_id, first.has_more) == (made[4], made[3], True)
    assert [batch.id for batch in batches.list(limit=2, after_id=made[1]).data] == [made[0]]
    assert [batch.id for batch in batches.list(limit=2, before_id=made[0]).data] == [made[2], made[1]]


def test_a_name_behind_a_pattern_is_the_upstreams_and_flags_of_both_go_along(
    client: anthropic.Anthropic, mock: Mock
) -> None:
    made = client.beta.messages.batches.create(requests=requests_for("claude-x"), betas=["flag-of-client"])
    sent = mock.last()
    assert sent["json"]["requests"][0]["params"]["model"] == "claude-x"
    flags = dict(sent["headers"])["anthropic-beta"].split(",")
    assert {"own-flag", "flag-of-client"} <= set(flags)
    assert client.beta.messages.batches.retrieve(made.id).id == made.id


def test_a_batch_that_is_over_is_paid_for_once_by_whom_it_is_for(gateway: Gateway, mock: Mock) -> None:
    secret = key(gateway)
    with client_of(gateway, secret) as client, client_of(gateway, gateway.key) as admin:
        made = client.messages.batches.create(requests=requests_for("sonnet", "sonnet", "opus"))
        for asking in (client, admin, client):
            assert asking.messages.batches.retrieve(made.id).processing_status == "ended"
        assert [request["path"].endswith("/results") for request in mock.requests()].count(True) == 1
    row = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")
    # two answers of 10 and 4 tokens at half of 1 and 2 dollars a million
    assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == (18_000, 20, 8)
    assert (row["call_type"], row["key"]) == ("abatch", hashlib.sha256(secret.encode()).hexdigest())
    other = row_of(gateway, "request_id", f"{made.id}-1"[-100:] + "-cost")
    # one of 10 and 4 at half of 10 dollars a million
    assert (other["cost"], other["model_group"], other["completion_tokens"]) == (70_000, "opus", 4)


def test_results_are_paid_for_before_they_are_read(gateway: Gateway, mock: Mock) -> None:
    secret = key(gateway, max_budget=0.000015)
    with client_of(gateway, secret) as client:
        made = client.messages.batches.create(requests=requests_for("sonnet", "sonnet"))
        answer = gateway.client.get(f"{PATH}/{made.id}/results", headers={"authorization": f"Bearer {secret}"})
        assert answer.text.count("\n") == 2
        with pytest.raises(anthropic.APIStatusError, match="Budget has been exceeded"):
            client.messages.create(model="sonnet", max_tokens=4, messages=[{"role": "user", "content": TEN}])


def test_a_batch_whose_results_cannot_be_read_is_paid_for_later(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway)) as client:
        made = client.messages.batches.create(requests=requests_for("sonnet"))
        there = mock.client.get(PATH).json()["first_id"]
        mock.control({"status": 500}, path=f"{PATH}/{there}/results", times=1)
        with pytest.raises(anthropic.InternalServerError):
            client.messages.batches.retrieve(made.id)
        assert client.messages.batches.retrieve(made.id).processing_status == "ended"
    assert row_of(gateway, "request_id", f"{made.id[-100:]}-cost")["cost"] == 9_000


def test_what_is_anothers_is_not_there(client: anthropic.Anthropic, stranger: anthropic.Anthropic, mock: Mock) -> None:
    made = client.messages.batches.create(requests=requests_for("sonnet"))
    before = len(mock.requests())
    for attempt in (
        stranger.messages.batches.retrieve,
        stranger.messages.batches.cancel,
        stranger.messages.batches.delete,
    ):
        for name in (made.id, "msgbatch_mock0001", "msgbatch_tjAAAA"):
            with pytest.raises(anthropic.NotFoundError) as caught:
                attempt(name)
            assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    assert list(stranger.messages.batches.list()) == []
    assert len(mock.requests()) == before


def test_a_batch_is_held_against_the_limits_of_its_caller(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, rpm_limit=5)) as client:
        mock.control({"status": 529}, path=PATH, times=1)
        with pytest.raises(anthropic.InternalServerError):
            client.messages.batches.create(requests=requests_for("sonnet", "opus", "opus"))
        client.messages.batches.create(requests=requests_for("sonnet", "opus", "opus"))
        with pytest.raises(anthropic.RateLimitError, match="Batch rate limit exceeded: there are 3 requests") as caught:
            client.messages.batches.create(requests=requests_for("sonnet", "opus", "opus"))
        assert caught.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]


@pytest.mark.parametrize("place", ["body", "header"])
def test_a_batch_is_held_against_the_limits_of_its_customer(
    gateway: Gateway, client: anthropic.Anthropic, stranger: anthropic.Anthropic, mock: Mock, place: str
) -> None:
    name = f"customer-{uuid.uuid4()}"
    assert gateway.client.post("/customer/new", json={"user_id": name, "tpd_limit": 60}).status_code == 200
    told: Any = (
        {"extra_body": {"user": name}} if place == "body" else {"extra_headers": {"x-litellm-end-user-id": name}}
    )
    client.messages.batches.create(requests=requests_for("sonnet", "sonnet"), **told)
    assert "user" not in mock.last()["json"]
    with pytest.raises(anthropic.RateLimitError, match=f"tokens a day are left of customer:{name}"):
        stranger.messages.batches.create(requests=requests_for("sonnet", "sonnet"), **told)
    stranger.messages.batches.create(requests=requests_for("sonnet", "sonnet"))


@pytest.mark.parametrize(
    ("requests", "status", "problem"),
    [
        ([], 400, "one at least"),
        ({}, 400, "requests"),
        (requests_for(*["sonnet"] * 101), 400, "100 requests"),
        ([{"custom_id": "a"}], 400, "requests.0.params: Field required"),
        ([{"custom_id": "a", "params": {}}], 400, "requests.0.params.model: Field required"),
        ([{"custom_id": "a", "params": {"model": 1}}], 400, "requests.0.params"),
        (requests_for("sonnet", "nobody"), 404, "nobody"),
        (requests_for("gpt-test"), 400, "anthropic"),
        (requests_for("sonnet", "elsewhere"), 400, "make a batch for each"),
    ],
)
def test_a_batch_at_fault_is_refused(gateway: Gateway, mock: Mock, requests: Any, status: int, problem: str) -> None:
    answer = gateway.client.post(PATH, json={"requests": requests})
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert error["type"] == "error"
    assert problem in error["error"]["message"]
    assert mock.requests() == []


def test_a_batch_names_only_models_that_the_key_may_use(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, models=["opus"])) as client, pytest.raises(anthropic.PermissionDeniedError):
        client.messages.batches.create(requests=requests_for("opus", "sonnet"))
    with client_of(gateway, "sk-nobody") as nobody, pytest.raises(anthropic.AuthenticationError) as caught:
        nobody.messages.batches.list()
    assert caught.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
    assert mock.requests() == []
