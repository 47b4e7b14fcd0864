"""Guards that hold for every test: fresh compiled modules, and no environment that leaks in."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is slow, and that is no property of what is tested
settings.register_profile("tianji", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tianji")

ROOT = Path(__file__).parent.parent


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
