"""Ids in requests and answers, wherever they stand."""

import json

import pytest

from tianji.auth.identity import Identity
from tianji.auth.owners import digest, owner_of
from tianji.errors import InvalidRequest, ObjectNotFound
from tianji.objects.ids import Copy, Ref, Seal
from tianji.objects.kinds import FILE, STORE, Kind
from tianji.objects.naming import Asking, Events, shown

SEAL = Seal("salt")
CALLER = Identity(role=None, user_id=None, key="one")
OWNER = owner_of(CALLER)
HERE, THERE = digest("here"), digest("there")


def sealed(kind: Kind, *copies: Copy) -> str:
    return SEAL.close(kind, Ref(OWNER, copies))


def test_an_answer_shows_no_id_of_the_upstream() -> None:
    answer = {
        "object": "list",
        "data": [
            {"object": "file", "id": "file-1", "filename": "file-1"},
            {"object": "batch", "id": "batch_1", "input_file_id": "file-1", "output_file_id": None, "errors": {}},
            {"object": "fine_tuning.job", "id": "job", "result_files": ["file-1", "file-2"], "training_file": "file-1"},
            {"object": "vector_store.file", "id": "file-1", "vector_store_id": "vs_1"},
            {"object": "model", "id": "gpt", "nested": [{"file_id": "file-1"}]},
        ],
        "first_id": "file-1",
        "last_id": "x",
    }
    told = shown(SEAL, HERE, OWNER, answer)
    name = sealed(FILE, Copy(HERE, "file-1"))
    file, batch, job, part, model = told["data"]
    assert (told["first_id"], told["last_id"]) == (name, "gpt")
    assert (file["id"], file["filename"]) == (name, "file-1")
    assert (batch["input_file_id"], batch["output_file_id"]) == (name, None)
    assert (job["result_files"], job["training_file"]) == ([name, sealed(FILE, Copy(HERE, "file-2"))], name)
    assert (part["id"], part["vector_store_id"]) == (name, sealed(STORE, Copy(HERE, "vs_1")))
    assert (model["id"], model["nested"]) == ("gpt", [{"file_id": name}])


def test_a_request_says_to_a_place_what_it_calls_things() -> None:
    both = sealed(FILE, Copy(HERE, "a"), Copy(THERE, "b"))
    one = sealed(FILE, Copy(THERE, "c"))
    asking = Asking(SEAL, CALLER)
    members = {"file_ids": [both, one], "tools": [{"vector_store_ids": [sealed(STORE, Copy(THERE, "vs"))]}], "n": 1}
    asking.look_into(members)
    assert asking.places() == {THERE}
    assert asking.said_to(THERE, members) == {"file_ids": ["b", "c"], "tools": [{"vector_store_ids": ["vs"]}], "n": 1}


def test_what_lies_at_two_places_cannot_be_used_together() -> None:
    asking = Asking(SEAL, CALLER)
    asking.look_into({"file_ids": [sealed(FILE, Copy(HERE, "a")), sealed(FILE, Copy(THERE, "b"))]})
    with pytest.raises(InvalidRequest, match="one provider"):
        asking.places()


def test_a_request_that_names_nothing_lies_nowhere() -> None:
    asking = Asking(SEAL, CALLER)
    asking.look_into({"file_id": None, "metadata": {"file_ids": []}})
    assert asking.places() == set()


def test_an_id_that_nobody_gave_is_not_there_at_any_depth() -> None:
    with pytest.raises(ObjectNotFound):
        Asking(SEAL, CALLER).look_into({"a": [{"b": {"file_id": "file-1"}}]})


def test_events_are_renamed_wherever_they_are_cut() -> None:
    event = b'event: a\ndata: {"object":"file","id":"file-1"}\n\n'
    stream = (
        event + b": comment\n\ndata: [DONE]\n\n" + event.replace(b"\n", b"\r\n") + b"data: {no json\n\n" + event[:-1]
    )
    name = sealed(FILE, Copy(HERE, "file-1"))
    for cut in range(len(stream) + 1):
        events = Events(lambda said: shown(SEAL, HERE, OWNER, said))
        told = (events(stream[:cut]) + events(stream[cut:]) + events(None)).decode()
        lines = [line for line in told.split("\n") if line.startswith("data: {")]
        assert [json.loads(line[6:]).get("id") for line in lines] == [name, name, None, name]
        assert "file-1" not in told
        assert ": comment" in told
        assert "data: [DONE]" in told
