"""Runway: https://docs.dev.runwayml.com/api, of the version 2024-11-06."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tianji.objects.videos.vendors.vendor import Begun, Json, Vendor, length, own, shape, told

_USUAL: Final = (1280, 720)
_STATES: Final[Mapping[str, str]] = {
    "PENDING": "queued",
    "THROTTLED": "queued",
    "RUNNING": "in_progress",
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLED": "failed",
}


class Runway(Vendor):
    """See Vendor. The ratio is a size in pixels."""

    def begun(self, model: str, members: Json, picture: str | None) -> Begun:
        """Return the request for a video."""
        width, height = shape(members) or _USUAL
        body = {"model": model, "promptText": members.get("prompt"), "ratio": f"{width}:{height}"}
        body |= own(members) | {"duration": length(members, self.seconds)}
        if picture is None:
            return Begun("/v1/text_to_video", body)
        return Begun("/v1/image_to_video", body | {"promptImage": picture})

    def name(self, _model: str, answer: Json) -> str:
        """Return what a task is called."""
        return str(answer.get("id") or "")

    def look(self, name: str) -> str:
        """Return the path of a task."""
        return f"/v1/tasks/{quote(name, safe='')}"

    def state(self, answer: Json) -> Json:
        """Return how far a task is."""
        found = told(_STATES, answer.get("status"), answer.get("failureCode"), answer.get("failure"))
        progress = answer.get("progress")
        if found["status"] == "in_progress" and isinstance(progress, int | float) and 0 <= progress <= 1:
            found["progress"] = round(100 * progress)
        return found

    def url(self, answer: Json) -> str | None:
        """Return the first of what a task has made."""
        made = answer.get("output")
        return str(made[0]) if isinstance(made, list) and made else None

    def removal(self, name: str) -> str | None:
        """Return the path of a task, which is cancelled or deleted there."""
        return self.look(name)

    def resolution(self, members: Mapping[str, Any]) -> str | None:
        """Return the shorter side of the ratio."""
        return f"{min(shape(members) or _USUAL)}p"
