"""The destinations of a configuration, beside the books."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.ledger.conftest import entry

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks import listening
from tianji.config.loader import Loaded, load
from tianji.ledger import reading
from tianji.ledger.journal import MAGIC, Journal
from tianji.storage.location import parse
from tianji.storage.store import Store

CONFIG = """
model_list: []
litellm_settings: {callbacks: [there]}
callback_settings:
  there: {callback_type: generic_api, endpoint: "http://127.0.0.1:9/"}
"""


def prepared(folder: Path, config: Path) -> tuple[Loaded, Path]:
    """Return a configuration, and a journal that is still written."""
    config.write_text(CONFIG)
    journal = Journal(folder)
    journal.prepare().result()
    journal.append(entry(1))
    (file,) = reading.journals(folder)
    return load(config, {}), file


async def test_how_far_a_destination_is_behind_is_shown_while_a_journal_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PATIENCE", 0.0)
    folder, config = tmp_path / "journals", tmp_path / "config.yaml"
    loaded, file = await asyncio.to_thread(prepared, folder, config)
    counters, store = SharedCounters(), Store(parse(f"sqlite:///{tmp_path}/t.db"), Revisions())
    telling = listening.Listening(folder, loaded, store, counters)
    batch = await asyncio.to_thread(reading.fill, file, 0, 10)
    await telling.round({file.name: batch.position, "gone.journal": batch.position})
    behind = 'tianji_callback_behind_bytes{callback="there"}'
    assert dict(counters.items())[behind] == batch.position - len(MAGIC) > 0
    assert telling.behind({file.name: batch.position}) == batch.position - len(MAGIC)
    telling._teller.outlets["there"].standing.fault = "away"
    assert telling.behind({file.name: batch.position}) == 0, "it is not for want of time"
    assert (await asyncio.to_thread(file.stat)).st_size > batch.position, (
        "what is reserved and not written is nobody's to be told"
    )
    await telling.close()
    await store.close()
