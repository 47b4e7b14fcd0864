"""What every section has in common, and the leaf types that say how lenient a key is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

Unknown = Literal["warn", "keep", "refuse"]


class Section(Struct, frozen=True, kw_only=True):
    """A mapping of the configuration. `extra` holds the keys that it does not know, in file order."""

    unknown: ClassVar[Unknown] = "warn"  # what an unknown key is: a warning, welcome, or an error
    required: ClassVar[frozenset[str]] = frozenset()
    derived: ClassVar[frozenset[str]] = frozenset()  # fields that are computed, not written
    remedies: ClassVar[Mapping[str, str]] = MappingProxyType({})
    extra: dict[str, object] = {}


Flag = Annotated[bool, Meta(extra={"lenient": "text"})]
"""A boolean that may also be written as text: "true", "false"."""

Switch = Annotated[bool, Meta(extra={"lenient": "off"})]
"""A boolean that may also be text; text that is neither true nor false means off, with a warning."""

Text = Annotated[str, Meta(extra={"lenient": "number"})]
"""Text that may also be written as a number."""

Names = tuple[str, ...]
"""A list of words; one bare word is taken as a list of one."""

Table = dict[str, object]
Rows = tuple[dict[str, object], ...]
Headers = dict[str, Text]
