"""Whose way videos are made in, by `Place.films`."""

from collections.abc import Mapping
from typing import Final

from tianji.objects.videos.filming import Filming, GeminiFilming, VertexFilming
from tianji.objects.videos.tasking import TaskFilming
from tianji.objects.videos.vendors.dashscope import DashScope
from tianji.objects.videos.vendors.fal import Fal
from tianji.objects.videos.vendors.minimax import MiniMax
from tianji.objects.videos.vendors.runway import Runway

FILMINGS: Final[Mapping[str, Filming]] = {
    "openai": Filming(),
    "gemini": GeminiFilming(),
    "vertex_ai": VertexFilming(),
    "runwayml": TaskFilming(Runway()),
    "fal_ai": TaskFilming(Fal()),
    "minimax": TaskFilming(MiniMax()),
    "dashscope": TaskFilming(DashScope()),
}
