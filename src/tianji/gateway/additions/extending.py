"""The configuration as the process of the ledger goes by it: the file's, with the settings that the database adds."""

from collections.abc import Callable

from tianji.config.additions import Additions
from tianji.config.environment import lookup
from tianji.config.loader import Loaded
from tianji.gateway.additions.following import Following, keeps, kept
from tianji.lazy import load
from tianji.storage.store import Store


class Extending:
    """Tells `adopt` of each configuration that is in force from now on; of the file's own it has been told."""

    def __init__(self, store: Store, file: Loaded, adopt: Callable[[Loaded], None]) -> None:
        self._file = file
        self._adopt = adopt
        self._additions = Additions()
        self._following = Following(store, lambda: keeps(self._file, "settings"), self._salt, self._hear)

    async def begin(self) -> None:
        """Read what the database adds, and follow it from now on."""
        await self._following.begin()

    def end(self) -> None:
        """Follow it no more."""
        self._following.end()

    def renew(self, file: Loaded) -> None:
        """Go by another file from now on."""
        self._file = file
        self._tell()

    async def _hear(self, additions: Additions) -> None:
        if additions.settings != self._additions.settings:
            self._additions = additions
            self._tell()

    def _tell(self) -> None:
        settings = kept(self._file, self._additions).settings
        # what is left out the workers say
        stored = load("tianji.gateway.additions.stored_settings") if settings else None
        self._adopt(self._file if stored is None else stored.with_settings(self._file, settings)[0])

    def _salt(self) -> str | None:
        return lookup(self._file.environment, "SALT_KEY") or self._file.config.general_settings.master_key
