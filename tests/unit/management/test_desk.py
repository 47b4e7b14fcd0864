"""What a management request finds at the desk."""

import shutil
from pathlib import Path

import pytest

from tianji._core.sharing.revision import Revisions
from tianji.auth.identity import MASTER
from tianji.config.schema import Config
from tianji.errors import Unacceptable
from tianji.management import desk
from tianji.management.desk import Call
from tianji.management.office import Office
from tianji.storage.location import parse
from tianji.storage.store import Store


@pytest.mark.parametrize("salt", [None, "", "of the gateway"])
async def test_nothing_secret_is_kept_without_a_salt(salt: str | None, form: Path, tmp_path: Path) -> None:
    store = Store(parse(f"sqlite:///{shutil.copy(form, tmp_path / 'a.db')}"), Revisions())
    office = Office(store=store, config=Config, groups=dict, salt=lambda: salt)

    async def salted(call: Call) -> str:
        return call.salt()

    try:
        if salt:
            assert await desk.perform(office, MASTER, salted) == salt
        else:
            with pytest.raises(Unacceptable, match="TIANJI_SALT_KEY"):
                await desk.perform(office, MASTER, salted)
    finally:
        await store.close()
