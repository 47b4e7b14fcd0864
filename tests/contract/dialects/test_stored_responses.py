"""Responses that are stored: asked for again, gone on from, deleted, and nobody else's business.

All of it is told to two gateways that share a database, as machines behind a load balancer do: they take turns, so
what one has answered is asked for at the other.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import openai
import pytest
from tests.contract.harness import EDGES, MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model


class Balancer(httpx.BaseTransport):
    """Sends one request to the first machine, the next one to the second, and so on."""

    def __init__(self, machines: list[Gateway]) -> None:
        self.machines = machines
        self._transport = httpx.HTTPTransport()
        self._turn = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        machine = self.machines[self._turn % len(self.machines)]
        self._turn += 1
        request.url = request.url.copy_with(port=machine.port)
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


class Machines(NamedTuple):
    """Gateways that share a database. `start` starts one more, on an edge."""

    running: list[Gateway]
    start: Callable[[str], Gateway]


@pytest.fixture(scope="module")
def machines(mock_process: Mock, postgresql: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    claude = {"model": "anthropic/claude-up", "api_base": mock_process.url, "api_key": UPSTREAM_KEY}
    config = {
        "model_list": [
            openai_model("over-chat", "chat-up", mock_process.url),
            {"model_name": "over-messages", "litellm_params": claude},
            openai_model("native", "native-up", mock_process.url, use_chat_completions_api=False),
            *(
                openai_model("several", f"several-{number}", mock_process.url, use_chat_completions_api=False)
                for number in range(4)
            ),
        ],
        "router_settings": {"num_retries": 0},
        "general_settings": {"database_url": postgresql.get_uri("stored_responses")},
    }
    postgresql.psql("CREATE DATABASE stored_responses;")

    def start(edge: str) -> Gateway:
        folder = tmp_path_factory.mktemp("stored")
        return Gateway(config, folder, edge=edge, env={"TIANJI_DATA_DIR": str(folder / "data")})

    running = [start(edge) for edge in EDGES]
    yield Machines(running, start)
    for one in running:
        one.stop()


def talking(machines: Machines, key: str = MASTER_KEY) -> openai.OpenAI:
    """Return a client of both machines."""
    through = httpx.Client(transport=Balancer(machines.running), timeout=20)
    return openai.OpenAI(base_url="http://127.0.0.1/v1", api_key=key, max_retries=0, http_client=through)


@pytest.fixture
def client(machines: Machines, mock: Mock) -> Iterator[openai.OpenAI]:
    with talking(machines) as made:
        yield made


@pytest.fixture
def someone(machines: Machines) -> Iterator[Callable[..., openai.OpenAI]]:
    """Return clients that have each a key of their own."""
    made: list[openai.OpenAI] = []

    def make(**members: Any) -> openai.OpenAI:
        made.append(talking(machines, machines.running[0].post("/key/generate", members).json()["key"]))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(client: openai.OpenAI, model: str, *, streamed: bool, **members: Any) -> Any:
    members = {"model": model, "input": "one two three"} | members
    if not streamed:
        return client.responses.create(**members)
    with client.responses.stream(**members) as stream:
        return stream.get_final_response()


def model_asked(mock: Mock) -> str:
    """Return the model that the last request upstream was for."""
    return str(mock.last()["json"]["model"])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["over-chat", "over-messages", "native"])
class TestEveryUpstream:
    def test_what_was_answered_can_be_asked_for(self, client: openai.OpenAI, model: str, streamed: bool) -> None:
        # the mock gives the same request the same id
        said = ask(client, model, streamed=streamed, metadata={"a": "b"}, input=f"{model} {streamed}")
        found = client.responses.retrieve(said.id)
        assert found.output_text == said.output_text
        assert (found.model, found.usage, found.metadata) == (model, said.usage, said.metadata)
        (item,) = client.responses.input_items.list(said.id).data
        assert item.type == "message"
        assert item.content[0].type == "input_text"
        assert item.content[0].text == f"{model} {streamed}"
        client.responses.delete(said.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(said.id)

    def test_what_is_not_to_be_stored_is_not(self, client: openai.OpenAI, model: str, streamed: bool) -> None:
        said = ask(client, model, streamed=streamed, store=False, input=f"unkept {model} {streamed}")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(said.id)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["over-chat", "over-messages"])
def test_a_conversation_goes_on(client: openai.OpenAI, mock: Mock, model: str, streamed: bool) -> None:
    first = ask(client, model, streamed=streamed, input="uno")
    second = ask(client, model, streamed=streamed, input="due", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    third = ask(client, model, streamed=streamed, input="tre", previous_response_id=second.id)
    said = mock.last()["body"]
    places = [said.index(part) for part in ("uno", first.output_text[:20], "due", second.output_text[:20], "tre")]
    assert places == sorted(places)
    assert [item.id for item in client.responses.input_items.list(third.id)] != []
    assert client.responses.retrieve(third.id).previous_response_id == second.id


def test_an_upstream_that_stores_goes_on_itself(client: openai.OpenAI, mock: Mock) -> None:
    first = ask(client, "native", streamed=False, input="uno nativo")
    ask(client, "native", streamed=False, input="due", previous_response_id=first.id)
    assert first.id in mock.last()["body"]
    assert "uno" not in mock.last()["body"]


@pytest.mark.parametrize("streamed", [False, True])
def test_what_goes_on_is_asked_where_it_began(client: openai.OpenAI, mock: Mock, streamed: bool) -> None:  # J5
    response = ask(client, "several", streamed=streamed, input=f"where {streamed}")
    home = model_asked(mock)
    for number in range(5):
        response = ask(client, "several", streamed=streamed, input=f"{number}", previous_response_id=response.id)
        assert model_asked(mock) == home
    mock.reset()
    mock.control({"status": 503}, model=home)
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, "several", streamed=streamed, input="again", previous_response_id=response.id)
    assert refused.value.status_code == 503, "others would say that there is no such response"
    assert model_asked(mock) == home


def test_an_item_of_before_is_meant_by_its_id(client: openai.OpenAI, mock: Mock) -> None:
    first = ask(client, "over-chat", streamed=False, input="uno")
    item: Any = {"type": "item_reference", "id": first.output[0].id}
    ask(
        client,
        "over-chat",
        streamed=False,
        input=[item, {"role": "user", "content": "due"}],
        previous_response_id=first.id,
    )
    assert mock.last()["body"].count(first.output_text) == 2


def test_nobody_else_learns_of_it(client: openai.OpenAI, someone: Callable[..., openai.OpenAI]) -> None:
    owner, other = someone(), someone()
    said = ask(owner, "over-chat", streamed=False, input="mine")
    assert owner.responses.retrieve(said.id).id == said.id
    assert client.responses.retrieve(said.id).id == said.id  # an administrator
    for forbidden in (
        lambda: other.responses.retrieve(said.id),
        lambda: other.responses.delete(said.id),
        lambda: other.responses.input_items.list(said.id),
        lambda: other.responses.cancel(said.id),
        lambda: ask(other, "over-chat", streamed=False, previous_response_id=said.id),
    ):
        with pytest.raises(openai.NotFoundError):
            forbidden()


def test_what_cannot_be_done(client: openai.OpenAI) -> None:
    said = ask(client, "over-chat", streamed=False)
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(said.id)
    with pytest.raises(openai.BadRequestError, match="background"):
        ask(client, "over-chat", streamed=False, background=True, store=False)
    with pytest.raises(openai.NotFoundError):
        ask(client, "over-chat", streamed=False, previous_response_id="resp_tianji_nobody")
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.responses.input_items.list(said.id, limit=0)


def test_a_conversation_is_compacted(client: openai.OpenAI, mock: Mock, someone: Callable[..., openai.OpenAI]) -> None:
    theirs, ours = (ask(client, model, streamed=False).id for model in ("native", "over-chat"))
    asked: Any = {"model": "native", "input": [{"role": "user", "content": "four"}]}
    found = client.responses.compact(**asked, previous_response_id=theirs)
    assert [item.type for item in found.output] == ["message", "compaction"]
    assert mock.last()["path"] == "/v1/responses/compact"
    assert mock.last()["json"] == {**asked, "model": "native-up", "previous_response_id": theirs}
    client.responses.compact(**asked, previous_response_id=ours)
    sent = mock.last()["json"]
    assert "previous_response_id" not in sent
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]
    with pytest.raises(openai.NotFoundError):
        someone().responses.compact(**asked, previous_response_id=theirs)
    with pytest.raises(openai.BadRequestError, match="does not offer this"):
        client.responses.compact(model="over-chat", input="one")


def test_a_failed_response_is_not_kept(client: openai.OpenAI, mock: Mock) -> None:
    mock.control({"end_at": 4})
    stream = client.responses.create(model="over-chat", input="broken", stream=True)
    last = list(stream)[-1]
    assert last.type == "response.failed"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(last.response.id)


def ended(client: openai.OpenAI, response_id: str) -> Any:
    """Ask for a response until it is no longer being made."""

    def look() -> Any:
        found = client.responses.retrieve(response_id)
        return None if found.status in ("queued", "in_progress") else found

    return eventually(look, f"{response_id} ends")


class TestBackground:
    @pytest.mark.parametrize("model", ["over-chat", "over-messages", "native"])
    def test_a_response_is_made_meanwhile(self, client: openai.OpenAI, model: str) -> None:
        begun = ask(client, model, streamed=False, background=True)
        assert (begun.status, begun.output, begun.background) == ("queued", [], True)
        found = ended(client, begun.id)
        assert (found.id, found.status, found.background) == (begun.id, "completed", True)
        assert len(found.output_text.split()) == 32
        assert client.responses.cancel(begun.id).status == "completed"

    def test_one_that_fails_says_why(self, client: openai.OpenAI, mock: Mock) -> None:
        mock.control({"status": 429})
        found = ended(client, ask(client, "over-chat", streamed=False, background=True).id)
        assert found.status == "failed"
        assert found.error.message

    def test_one_that_is_cancelled_stays_so(self, client: openai.OpenAI, mock: Mock) -> None:
        mock.control({"first_byte_ms": 60000})
        begun = ask(client, "over-chat", streamed=False, background=True)
        mock.wait(in_progress=1)
        assert client.responses.retrieve(begun.id).status == "in_progress"
        assert client.responses.cancel(begun.id).status == "cancelled"
        mock.wait(in_progress=0)
        assert client.responses.retrieve(begun.id).status == "cancelled"

    def test_a_conversation_goes_on(self, client: openai.OpenAI, mock: Mock) -> None:
        first = ask(client, "over-chat", streamed=False, input="uno", background=True)
        ended(client, first.id)
        second = ask(client, "over-chat", streamed=False, input="due", background=True, previous_response_id=first.id)
        assert ended(client, second.id).previous_response_id == first.id
        assert "uno" in mock.last()["body"]

    def test_one_that_hangs_is_cancelled_and_deleted_at_the_other_machine(
        self, client: openai.OpenAI, mock: Mock
    ) -> None:
        mock.control({"first_byte_ms": 60000})
        for _ in range(2):  # each machine makes one of them, and the other one ends it
            begun = ask(client, "over-chat", streamed=False, background=True)
            mock.wait(in_progress=1)
            client.responses.cancel(begun.id)
            mock.wait(in_progress=0)
            client.responses.delete(begun.id)
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(begun.id)


def test_all_of_it_outlives_a_machine(client: openai.OpenAI, machines: Machines, mock: Mock) -> None:
    first = ask(client, "over-chat", streamed=True, input="uno", metadata={"a": "b"})
    native = ask(client, "several", streamed=False, input="uno nativo")
    home = model_asked(mock)
    waiting = ask(client, "over-chat", streamed=False, background=True, input="due", previous_response_id=first.id)
    ended(client, waiting.id)
    mock.control({"first_byte_ms": 60000}, model="chat-up")
    asked = {"model": "over-chat", "input": "lost", "background": True}
    lost = machines.running[0].post("/v1/responses", asked).json()["id"]
    mock.wait(in_progress=1)
    machines.running[0].stop()
    mock.reset()
    machines.running[0] = machines.start(EDGES[0])
    for _ in machines.running:
        assert client.responses.retrieve(first.id).metadata == {"a": "b"}
        assert [item.type for item in client.responses.input_items.list(waiting.id).data] == ["message"]
        last = ask(client, "over-chat", streamed=False, input="tre", previous_response_id=waiting.id)
        assert all(part in mock.last()["body"] for part in ("uno", "due", "tre"))
        ask(client, "several", streamed=False, input="due", previous_response_id=native.id)
        assert model_asked(mock) == home
        assert client.responses.cancel(waiting.id).status == "completed"
        failed = client.responses.retrieve(lost)
        assert (failed.status, failed.error and failed.error.code) == ("failed", "server_error")
        client.responses.delete(last.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(last.id)
