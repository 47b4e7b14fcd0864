"""Loggers of the operator's own among destinations."""

import logging
from pathlib import Path

import pytest
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, SETTINGS, body

from tianji.callbacks.settings import all_sinks
from tianji.callbacks.sink import Sink
from tianji.config.loader import load

CODE = """
from litellm.integrations.custom_logger import CustomLogger

class Records(CustomLogger):
    async def async_dataset_hook(self, logged_item, standard_logging_payload):
        if standard_logging_payload["status"] == "failure":
            return None
        if logged_item["fields"]["answer"] == "fails":
            raise KeyError("no")
        return {"fields": {**logged_item["fields"], "cost": standard_logging_payload["response_cost"]}}

class Others(CustomLogger):
    pass

records = Records()
others = Others()
"""


def argilla(folder: Path, name: str) -> Sink:
    (folder / "mine.py").write_text(CODE)
    fields = SETTINGS["argilla_transformation_object"]
    text = f"litellm_settings: {{callbacks: [argilla, mine.{name}], argilla_transformation_object: {fields}}}"
    (folder / "config.yaml").write_text(text.replace("'", '"'))
    sinks, _ = all_sinks(load(folder / "config.yaml", KEYS))
    return next(sink for sink in sinks if sink.name == "argilla")


def test_a_logger_drops_and_changes_records_of_a_dataset(tmp_path: Path) -> None:
    sink = argilla(tmp_path, "records")
    (request,) = sink.write([OK, FAILED])
    (record,) = body(request)["items"]
    assert (record["fields"]["answer"], record["fields"]["cost"]) == ("hello", OK.response_cost)
    assert sink.apart  # it waits for somebody else's code
    assert list(sink.write([FAILED])) == []


def test_a_record_on_which_a_logger_fails_is_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink = argilla(tmp_path, "records")
    wrong = OK.__class__(**{name: getattr(OK, name) for name in OK.__struct_fields__} | {
        "answered": OK.answered.__class__(b'{"choices":[{"message":{"content":"fails"}}]}')
    })  # fmt: skip
    with caplog.at_level(logging.ERROR, "tianji.hooks"):
        assert list(sink.write([wrong])) == []
    assert "callback mine.records failed at" in caplog.text
    assert "mine.py:9" in caplog.text


def test_who_looks_at_no_records_costs_nothing(tmp_path: Path) -> None:
    sink = argilla(tmp_path, "others")
    (request,) = sink.write([OK, FAILED])
    assert (len(body(request)["items"]), sink.apart) == (2, False)
