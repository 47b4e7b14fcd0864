"""A manager of one's own: a class in a file beside the configuration."""

import asyncio
from pathlib import Path

import pytest

from tianji.config.secrets import SecretFailure
from tianji.secrets import open_source
from tianji.secrets.manager import Note
from tianji.secrets.opening import manager_of

from .asking import VALUE, choice, keep, read, said

CUSTOM = """
from tianji.secrets.custom import CustomSecretManager
KEPT = {"A": "canary-secret-value-93ab"}

class Mine(CustomSecretManager):
    def sync_read_secret(self, secret_name, optional_params=None, timeout=None, primary_secret_name=None):
        assert optional_params["tags"] == {"a": "b"} and optional_params["mine"] == 1
        if secret_name == "broken":
            raise RuntimeError("canary-secret-value-93ab")
        return {"number": 3}.get(secret_name) or KEPT.get(secret_name)

    async def async_write_secret(self, secret_name, secret_value, description=None, optional_params=None,
                                 timeout=None, tags=None):
        KEPT[secret_name] = secret_value + str(tags)

class Asynchronous:
    async def async_read_secret(self, secret_name, optional_params=None, timeout=None, primary_secret_name=None):
        return f"{secret_name} of {primary_secret_name}"

class Useless:
    pass

class Broken:
    sync_read_secret = print
    def __init__(self):
        raise RuntimeError
"""


async def test_a_class_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(CUSTOM)
    settings = {"custom_secret_manager": "own.Mine", "tags": {"a": "b"}, "extra": {"mine": 1}}
    chosen = choice("custom", {}, tmp_path, **settings)
    found = await asyncio.to_thread(read, chosen, "A", "none", "broken", "number")
    assert (found["A"], found["none"]) == (VALUE, None)
    assert said(found["broken"]) == "the secret manager own.Mine failed: RuntimeError"
    assert "what is no text" in said(found["number"])
    manager = await asyncio.to_thread(manager_of, chosen)
    await keep(manager, "k", "v", Note("d", {"x": "y"}))
    assert await manager.read("k") == "v{'x': 'y'}"
    with pytest.raises(SecretFailure, match="has no method async_delete_secret"):
        await manager.delete("k")
    other = choice("custom", {}, tmp_path, custom_secret_manager="own.Asynchronous", primary_secret_name="all")
    assert await asyncio.to_thread(read, other, "A") == {"A": "A of all"}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (None, "custom_secret_manager is missing"),
        ("none.Class", "there is no"),
        ("own.Nothing", "has no class Nothing"),
        ("own.Useless", "has no class Useless with a method async_read_secret or sync_read_secret"),
        ("own.Broken", "cannot be made: RuntimeError"),
        ("bad.Class", "cannot be loaded: SyntaxError"),
        ("../own.Mine", "there is no"),
    ],
)
def test_a_class_that_cannot_be_used(tmp_path: Path, named: str | None, message: str) -> None:
    (tmp_path / "own.py").write_text(CUSTOM)
    (tmp_path / "bad.py").write_text("class:")
    with pytest.raises(SecretFailure, match=message):
        open_source(choice("custom", {}, tmp_path, custom_secret_manager=named))
