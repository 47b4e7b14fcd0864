"""Alibaba Cloud's Wan and HappyHorse: https://www.alibabacloud.com/help/en/model-studio/use-video-generation.

Models up to Wan 2.6 take a size, and a picture by `img_url`; later ones a tier with a ratio, and `media`:
https://www.alibabacloud.com/help/en/model-studio/image-to-video-general-api-reference.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tianji.objects.videos.vendors.vendor import Begun, Json, Vendor, length, own, ratio, shape, told

_FORMER: Final = re.compile(r"wanx?2\.[0-6]\b.*")
_INPUT: Final = frozenset(
    {"media", "negative_prompt", "img_url", "first_frame_url", "last_frame_url", "audio_url", "reference_urls"}
)
_USUAL: Final = "1080P"
_TIERS: Final = ((600, "480P"), (900, "720P"))  # below so many pixels of the shorter side
_STATES: Final[Mapping[str, str]] = {
    "PENDING": "queued",
    "RUNNING": "in_progress",
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELED": "failed",
    "UNKNOWN": "failed",
}


class DashScope(Vendor):
    """See Vendor. Tasks and what they have made go by themselves after a day."""

    def begun(self, model: str, members: Json, picture: str | None) -> Begun:
        """Return the request for a video."""
        former, given, size = _FORMER.fullmatch(model) is not None, own(members), shape(members)
        said: Json = {"prompt": members.get("prompt")}
        parameters: Json = {}
        if picture is not None and former:
            said["img_url"] = picture
        elif picture is not None:
            kind = "reference_image" if "-r2v" in model else "first_frame"
            said["media"] = [{"type": kind, "url": picture}]
        if size is not None and former and picture is None:
            parameters["size"] = f"{size[0]}*{size[1]}"
        elif size is not None:
            parameters["resolution"] = _tier(min(size))
            if not former and picture is None:
                parameters["ratio"] = ratio(*size)
        said |= {name: value for name, value in given.items() if name in _INPUT}
        parameters |= {name: value for name, value in given.items() if name not in _INPUT}
        parameters["duration"] = length(members, self.seconds)
        path = "/api/v1/services/aigc/video-generation/video-synthesis"
        body = {"model": model, "input": said, "parameters": parameters}
        return Begun(path, body, ((b"x-dashscope-async", b"enable"),))

    def name(self, _model: str, answer: Json) -> str:
        """Return what a task is called."""
        return str(_output(answer).get("task_id") or "")

    def look(self, name: str) -> str:
        """Return the path of a task."""
        return f"/api/v1/tasks/{quote(name, safe='')}"

    def state(self, answer: Json) -> Json:
        """Return how far a task is."""
        output = _output(answer)
        return told(_STATES, output.get("task_status"), output.get("code"), output.get("message"))

    def url(self, answer: Json) -> str | None:
        """Return where the video lies."""
        found = _output(answer).get("video_url")
        return found if isinstance(found, str) and found else None

    def resolution(self, members: Mapping[str, Any]) -> str | None:
        """Return the tier that is asked for."""
        given, size = own(members).get("resolution"), shape(members)
        return str(given or (_USUAL if size is None else _tier(min(size)))).lower()


def _tier(shorter: int) -> str:
    return next((tier for below, tier in _TIERS if shorter < below), _USUAL)


def _output(answer: Json) -> Json:
    output = answer.get("output")
    return output if isinstance(output, dict) else {}
