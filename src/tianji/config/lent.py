"""What the database lends to destinations: which callbacks it names, and with what they are reached.

The operator's own variables are in `Loaded.environment`. Those of the database are kept apart from them: they are for
the callbacks that the database names and for alerts, and nothing else of a gateway reads them.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Lent(Struct, frozen=True):
    """callbacks: those that the database names and the file does not; variables: by their names.

    addresses: of alerts, which the database names in `alert_to_webhook_url`
    exports: what the database says of programs for bills, by their names
    """

    callbacks: frozenset[str] = frozenset()
    variables: Mapping[str, str] = {}
    addresses: frozenset[str] = frozenset()
    exports: Mapping[str, Mapping[str, object]] = {}


NOTHING: Final = Lent()
