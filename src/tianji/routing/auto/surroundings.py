"""What auto routers stand in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tianji._core.routing.dice import Dice
from tianji.routing.auto.school import School

if TYPE_CHECKING:
    from tianji.routing.auto.distant import AsyncEmbed


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the routers of one Snapshot stand in.

    directory: where the configuration lies
    serves: whether a name leads to a model group; what does not, the default model takes
    asks: gives the way to embed by a model group; None where no upstream can be asked
    school: where adaptive routers learn
    """

    directory: Path
    environ: Mapping[str, str]
    serves: Callable[[str], bool]
    dice: Dice
    school: School
    asks: "Callable[[str], AsyncEmbed] | None" = None
