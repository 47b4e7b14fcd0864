"""A destination is one file: nothing else lists it, and whatever knows of all of them knows of it."""

from pathlib import Path

import pytest

import tianji
from tianji.callbacks.settings import tells
from tianji.callbacks.vendors import BLOCKS, FIELDS, TRACED, VENDORS, known
from tianji.config.loader import load
from tianji.lazy import load as imported
from tianji.management.settings.callbacks import configs

SOURCE = Path(tianji.__file__).parent
OTHERS = {  # who else speaks of a destination, and why
    "callbacks/brought.py": "which variables of requests count",
    "callbacks/billing": "a bill is no event",
    "callbacks/lent.py": "what the database may say of it",
    "callbacks/vendors/__init__.py": "other names, and keys of litellm_settings",
    "config/schema": "keys of the configuration",
    "management/settings/callbacks.py": "which variables keys and teams may set",
    "prompts": "it keeps prompts, too",
    "providers": "some provider is called the same",
}
SHARED = {"datadog", "gcs_bucket", "generic_api", "langfuse", "s3", "sentry"} | BLOCKS.keys() | FIELDS.keys()
"""Names of other things, too, and those with keys of their own in litellm_settings."""


@pytest.fixture(scope="module")
def sources() -> dict[Path, str]:
    """All files that might list destinations; those of the checks name what is no destination."""
    files = (file for file in SOURCE.rglob("*.py") if not file.is_relative_to(SOURCE / "config" / "checks"))
    others = [SOURCE / other for other in OTHERS]
    return {file: file.read_text() for file in files if not any(map(file.is_relative_to, others))}


@pytest.mark.parametrize("name", sorted(VENDORS.keys() - TRACED))
def test_the_file_of_a_destination_is_all_that_there_is_of_it(
    name: str, tmp_path: Path, sources: dict[Path, str]
) -> None:
    assert callable(imported(VENDORS[name]).build)
    (tmp_path / "config.yaml").write_text(f"litellm_settings: {{callbacks: [{name}]}}")
    loaded = load(tmp_path / "config.yaml", {})
    assert not [problem for problem in loaded.problems if "is not a known callback" in problem.message]
    assert tells(loaded.config)
    assert name in known()
    speaking = {file.name for file, text in sources.items() if f'"{name}"' in text and file.stem != name}
    assert name in SHARED or not speaking


async def test_those_who_list_destinations_list_all() -> None:
    told = await configs(None)  # type: ignore[arg-type] # it looks at no call
    assert [one["id"] for one in told] == sorted(VENDORS)
