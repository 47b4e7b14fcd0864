"""Batches are held against the limits of whoever has them made, and of whom they name."""

import uuid
from typing import Any

import openai
import pytest
from tests.contract.harness import Gateway, Mock
from tests.contract.objects.asking import client_of, customer, upload
from tests.contract.objects.keys import key


def test_a_batch_is_held_against_the_limits_of_its_caller(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, rpm_limit=8)) as client:
        file = upload(client)
        ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        client.batches.create(**ask)
        before = len(mock.requests())
        with pytest.raises(openai.RateLimitError, match="Batch rate limit exceeded: there are 5 requests") as caught:
            client.batches.create(**ask)
        assert caught.value.response.headers["rate_limit_type"] == "requests"
        assert len(mock.requests()) == before


def test_a_batch_that_its_upstream_refuses_counts_for_nothing(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, tpm_limit=90)) as client:
        file = upload(client)
        ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        mock.control({"status": 500}, path="/v1/batches", times=1)
        with pytest.raises(openai.InternalServerError):
            client.batches.create(**ask)
        client.batches.create(**ask)
        with pytest.raises(openai.RateLimitError):
            client.batches.create(**ask)


def test_a_limit_of_tokens_a_day_stands_for_those_of_a_minute(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, rpm_limit=1, tpm_limit=1, tpd_limit=90)) as client:
        file = upload(client)
        ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        mock.control({"status": 500}, path="/v1/batches", times=1)
        with pytest.raises(openai.InternalServerError):
            client.batches.create(**ask)
        client.batches.create(**ask)
        with pytest.raises(openai.RateLimitError, match=r"only \d+ of 90 tokens a day are left") as caught:
            client.batches.create(**ask)
        headers = caught.value.response.headers
        assert headers["rate_limit_type"] == "tokens"
        assert 86_000 < int(headers["retry-after"]) <= 86_400


def test_tokens_of_batches_under_way_are_there_again_when_they_are_over(gateway: Gateway) -> None:
    team = gateway.client.post("/team/new", json={"metadata": {"batch_enqueued_token_limit": 90}}).json()["team_id"]
    with client_of(gateway, key(gateway, team_id=team)) as client:
        file = upload(client)
        ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        made = client.batches.create(**ask)
        with pytest.raises(openai.RateLimitError, match="90 tokens at a time are left of team:"):
            client.batches.create(**ask)
        assert client.batches.retrieve(made.id).status == "completed"
        client.batches.create(**ask)


def test_tokens_of_a_customers_batches_are_there_again_when_they_are_over(
    gateway: Gateway, client: openai.OpenAI
) -> None:
    name = customer(gateway, batch_enqueued_token_limit=90)
    ask: Any = {
        "input_file_id": upload(client).id, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "extra_body": {"user": name},
    }  # fmt: skip
    made = client.batches.create(**ask)
    with pytest.raises(openai.RateLimitError, match="90 tokens at a time are left of customer:"):
        client.batches.create(**ask)
    assert client.batches.retrieve(made.id).status == "completed"
    client.batches.create(**ask)


@pytest.mark.parametrize("place", ["body", "header"])
def test_a_batch_is_held_against_the_day_of_its_customer(
    gateway: Gateway, client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock, place: str
) -> None:
    name = customer(gateway, rpm_limit=1, tpm_limit=1, tpd_limit=90)

    def create(client: openai.OpenAI, name: str) -> Any:
        told: Any = (
            {"extra_body": {"user": name}} if place == "body" else {"extra_headers": {"x-litellm-end-user-id": name}}
        )
        file = upload(client)
        return client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", **told
        )

    mock.control({"status": 500}, path="/v1/batches", times=1)
    with pytest.raises(openai.InternalServerError):
        create(client, name)
    create(client, name)
    assert "user" not in mock.last()["json"]
    refused = f"only .* of 90 tokens a day are left of customer:{name}"
    with pytest.raises(openai.RateLimitError, match=refused):
        create(stranger, name)
    create(client, customer(gateway, tpd_limit=90))


def test_a_batch_is_held_against_the_minute_of_its_customer(gateway: Gateway, client: openai.OpenAI) -> None:
    file, name = upload(client), customer(gateway, rpm_limit=8)
    ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    client.batches.create(**ask, extra_body={"user": name})
    with pytest.raises(openai.RateLimitError, match=f"there are 5 requests.* {name}\\. Limit type: requests"):
        client.batches.create(**ask, extra_body={"user": name})
    client.batches.create(**ask)


def test_a_batch_is_held_against_the_day_of_its_tags(gateway: Gateway, client: openai.OpenAI) -> None:
    file, name = upload(client), f"tag-{uuid.uuid4()}"
    assert gateway.client.post("/tag/new", json={"name": name, "tpd_limit": 90}).status_code == 200
    ask = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    client.batches.create(**ask, extra_headers={"x-litellm-tags": f"other,{name}"})
    with pytest.raises(openai.RateLimitError, match=f"of 90 tokens a day are left of tag:{name}"):
        client.batches.create(**ask, extra_headers={"x-litellm-tags": name})


def test_a_blocked_customer_has_no_batches(gateway: Gateway, client: openai.OpenAI, mock: Mock) -> None:
    file, name = upload(client), customer(gateway, blocked=True)
    before = len(mock.requests())
    with pytest.raises(openai.AuthenticationError, match="blocked"):
        client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            extra_headers={"x-litellm-customer-id": name},
        )
    assert len(mock.requests()) == before


def test_uploads_of_batches_are_counted_by_the_day(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, metadata={"max_batch_file_uploads_per_day": 2})) as client:
        mock.control({"status": 500}, path="/v1/files", times=1)
        with pytest.raises(openai.InternalServerError):
            upload(client)
        for _ in range(2):
            upload(client)
        with pytest.raises(openai.RateLimitError, match="only 0 of 2 uploads of files for batches a day"):
            upload(client)
        upload(client, purpose="user_data")
