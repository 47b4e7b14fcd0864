"""fal.ai: https://fal.ai/docs/model-apis/model-endpoints/queue, and each model has a page of its own.

Models agree on `prompt`, `image_url`, `duration`, `aspect_ratio` and `resolution`, whose values each has of its own:
what a request says by these names goes as it is.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tianji.objects.videos.vendors.vendor import Begun, Json, Vendor, length, own, ratio, shape, told

_STATES: Final[Mapping[str, str]] = {
    "IN_QUEUE": "queued",
    "IN_PROGRESS": "in_progress",
    "COMPLETED": "completed",
    "FAILED": "failed",
}
_SPACES: Final = frozenset({"workflows", "comfy"})  # whose apps have three names instead of two
_TIERS: Final = ((480, "480p"), (720, "720p"), (1080, "1080p"))


class Fal(Vendor):
    """See Vendor. A video is called as the path of its request, which holds the app and not the whole model."""

    def begun(self, model: str, members: Json, picture: str | None) -> Begun:
        """Return the request for a video."""
        size = shape(members)
        body: Json = {"prompt": members.get("prompt")} | ({} if picture is None else {"image_url": picture})
        if size is not None:
            body |= {"aspect_ratio": ratio(*size), "resolution": _tier(min(size))}
        given = own(members)
        seconds = {"duration": str(length(members, self.seconds))}
        return Begun(f"/{quote(model, safe='/')}", body | seconds | given)

    def name(self, model: str, answer: Json) -> str:
        """Return the path of a request."""
        steps = model.split("/")
        app = steps[: 3 if steps[0] in _SPACES else 2]
        request = answer.get("request_id")
        return "/".join((*app, "requests", str(request))) if request else ""

    def look(self, name: str) -> str:
        """Return the path of its state."""
        return f"{self.result(name)}/status"

    def result(self, name: str) -> str:
        """Return the path of what it has made."""
        return f"/{quote(name, safe='/')}"

    def state(self, answer: Json) -> Json:
        """Return how far a request is; one that failed is completed with an error."""
        error = answer.get("error")
        return told(_STATES, "FAILED" if error else answer.get("status"), answer.get("error_type"), error)

    def url(self, answer: Json) -> str | None:
        """Return where the video lies."""
        video = answer.get("video")
        found = video.get("url") if isinstance(video, dict) else None
        return found if isinstance(found, str) and found else None

    def resolution(self, members: Mapping[str, Any]) -> str | None:
        """Return the resolution that is asked for."""
        given, size = own(members).get("resolution"), shape(members)
        return str(given).lower() if given else None if size is None else _tier(min(size))


def _tier(height: int) -> str:
    return next((tier for most, tier in _TIERS if height <= most), "4k")
