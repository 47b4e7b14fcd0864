"""Where a gateway keeps what outlives it."""

from collections.abc import Mapping
from pathlib import Path


def data_folder(environ: Mapping[str, str]) -> Path | None:
    """Return TIANJI_DATA_DIR, or the user's data folder, whether it is there or not; None for a user without a home.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    if environ.get("TIANJI_DATA_DIR"):
        return Path(environ["TIANJI_DATA_DIR"])
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]) / "tianji"
    try:
        return Path.home() / ".local" / "share" / "tianji"
    except RuntimeError:
        return None
