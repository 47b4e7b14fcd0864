"""MiniMax's Hailuo: https://platform.minimax.io/docs/api-reference/video-generation-v2-query, the second version."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tianji.errors import InvalidRequest
from tianji.objects.videos.vendors.vendor import Begun, Json, Vendor, length, own, ratio, shape, told

_USUAL: Final = "768P"
_RATIO: Final = "16:9"  # which a video has to have that begins with no picture
_STATES: Final[Mapping[str, str]] = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}


class MiniMax(Vendor):
    """See Vendor."""

    def begun(self, model: str, members: Json, picture: str | None) -> Begun:
        """Return the request for a video. Raises InvalidRequest for pieces of other videos, whose length costs, too."""
        given = own(members)
        if "content" in given:
            raise InvalidRequest("content: send the picture that it begins with as input_reference", param="content")
        content: list[Json] = [{"type": "text", "text": members.get("prompt")}]
        size = shape(members)
        body: Json = {"model": model, "content": content, "resolution": _resolution(members)}
        if picture is not None:
            content.append({"type": "image_url", "image_url": {"url": picture}, "role": "first_frame"})
        else:
            body["ratio"] = _RATIO if size is None else ratio(*size)
        return Begun("/v2/video_generation", body | given | {"duration": length(members, self.seconds)})

    def name(self, _model: str, answer: Json) -> str:
        """Return what a task is called."""
        return str(answer.get("task_id") or "")

    def look(self, name: str) -> str:
        """Return the path of a task."""
        return f"/v2/query/video_generation/{quote(name, safe='')}"

    def state(self, answer: Json) -> Json:
        """Return how far a task is."""
        task = _task(answer)
        error = task.get("error")
        why = error if isinstance(error, dict) else {}
        return told(_STATES, task.get("status"), why.get("code"), why.get("message"))

    def url(self, answer: Json) -> str | None:
        """Return where the video lies."""
        content = _task(answer).get("content")
        found = content.get("url") if isinstance(content, dict) else None
        return found if isinstance(found, str) and found else None

    def removal(self, name: str) -> str | None:
        """Return the path at which a task is deleted."""
        return f"/v2/video_generation/{quote(name, safe='')}"

    def resolution(self, members: Mapping[str, Any]) -> str | None:
        """Return the resolution that is asked for."""
        return _resolution(members).lower()


def _resolution(members: Mapping[str, Any]) -> str:
    given = own(members).get("resolution")
    if given is not None:
        return str(given)
    size = shape(members)
    return "2K" if size is not None and min(size) > 1080 else _USUAL


def _task(answer: Json) -> Json:
    task = answer.get("task")
    return task if isinstance(task, dict) else {}
