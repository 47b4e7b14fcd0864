"""Whose way videos are made in, by `Place.films`."""

from collections.abc import Mapping
from typing import Final

from tianji.objects.videos.filming import Filming, GeminiFilming, VertexFilming
from tianji.objects.videos.tasking import TaskFilming
from tianji.objects.videos.vendors.dashscope import DashScope
from tianji.objects.videos.vendors.fal import Fal
from tianji.objects.videos.vendors.minimax import MiniMax
from tianji.objects.videos.vendors.runway import Runway
from tianji.objects.videos.vendors.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    "runwayml": Runway(),
    "fal_ai": Fal(),
    "minimax": MiniMax(),
    "dashscope": DashScope(),
}
"""Makers whose videos are tasks."""
FILMINGS: Final[Mapping[str, Filming]] = {
    "openai": Filming(),
    "gemini": GeminiFilming(),
    "vertex_ai": VertexFilming(),
    **{name: TaskFilming(vendor) for name, vendor in VENDORS.items()},
}
