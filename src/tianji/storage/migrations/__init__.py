"""Steps from an empty database to the tables of this version, in the order of their numbers."""

from typing import Final

HEAD: Final = "0021"  # the revision that this version works with
