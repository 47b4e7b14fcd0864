"""OpenAI's videos and Google's: done when they are looked at for the first time, and a few bytes long.

Source of the forms: https://platform.openai.com/docs/api-reference/videos,
https://ai.google.dev/gemini-api/docs/video and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation.
"""

import base64
import re
from typing import Final

from tianji.errors import InvalidRequest, MethodNotAllowed, ObjectNotFound
from tianji.mock import forms
from tianji.mock.http import Request
from tianji.mock.json import CREATED, Json, body_of, said
from tianji.mock.kept.family import Family
from tianji.mock.script import Answer

CONTENT: Final = b"\0\0\0\x18ftypmp42 a video of the mock"
_PATH = re.compile(
    r".*?/videos/characters(?:/(?P<character>[^/]+))?"
    r"|.*?/videos(?:/(?P<name>[^/]+))?(?:/(?P<what>content|remix))?"
    r"|(?P<models>.*/models/[^/:]+)(?::(?P<google>predictLongRunning|fetchPredictOperation)|/operations/(?P<operation>[^/]+))"
    r"|.*/files/(?P<file>[^/:]+):download"
)


class Videos(Family):
    """What was begun, by its id."""

    paths = _PATH

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        parts = found.groupdict() if found else {}
        if parts["file"]:
            return Answer(body=CONTENT, content_type=b"video/mp4")
        if parts["models"]:
            return said(self._of_google(parts, request))
        if request.head.path.partition("/videos")[2].startswith("/characters"):
            return said(self._character(parts["character"], request))
        name = parts["name"]
        if name is None or name in ("edits", "extensions"):
            if request.head.method != "POST":
                raise MethodNotAllowed(f"{request.head.path} takes POST", ("POST",))
            return said(self._begin(_members(request)))
        return self._of_one(name, parts["what"], request)

    def _character(self, name: str | None, request: Request) -> Json:
        if name is not None:
            return self._find(name)
        members = _members(request)
        if not members.get("name") or not isinstance(members.get("video"), dict):
            raise InvalidRequest("Missing required parameter: 'name' or 'video'.", param="name")
        name = f"char_mock{self._next():04d}"
        self._made[name] = {"id": name, "created_at": CREATED, "name": members["name"]}
        return self._made[name]

    def _of_one(self, name: str, what: str | None, request: Request) -> Answer:
        one = self._find(name)
        if what == "content":
            return Answer(body=CONTENT, content_type=b"video/mp4")
        if what == "remix":
            return said(self._begin({**one, **body_of(request), "remixed_from_video_id": name}))
        if request.head.method == "DELETE":
            del self._made[name]
            return said({"id": name, "object": "video.deleted", "deleted": True})
        one |= {"status": "completed", "progress": 100, "completed_at": CREATED + 1}
        return said(one)

    def _find(self, name: str) -> Json:
        if name not in self._made:
            raise ObjectNotFound(f"No such video: {name}")
        return self._made[name]

    def _begin(self, members: Json) -> Json:
        if not members.get("prompt"):
            raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt")
        video = members.get("video")
        if isinstance(video, dict):
            self._find(str(video.get("id")))
        name = f"video_mock{self._next():04d}"
        about = {"model": members.get("model"), "prompt": members["prompt"], "seconds": members.get("seconds") or "4"}
        about |= {"size": members.get("size") or "720x1280", "created_at": CREATED, "error": None}
        about |= {"remixed_from_video_id": members.get("remixed_from_video_id")}
        self._made[name] = {"id": name, "object": "video", "status": "queued", "progress": 0, **about}
        return self._made[name]

    def _of_google(self, parts: dict[str, str | None], request: Request) -> Json:
        base = str(parts["models"]).removeprefix("/v1beta/").removeprefix("/v1/")
        if parts["google"] == "predictLongRunning":
            name = f"{base}/operations/mock{self._next():04d}"
            self._made[name] = body_of(request)
            return {"name": name}
        if parts["operation"]:
            name = f"{base}/operations/{parts['operation']}"
            self._find(name)
            video = {
                "uri": f"https://generativelanguage.googleapis.com/v1beta/files/{parts['operation']}:download?alt=media"
            }
            response: Json = {"generateVideoResponse": {"generatedSamples": [{"video": video}]}}
        else:
            name = str(body_of(request).get("operationName"))
            self._find(name)
            response = {"videos": [{"bytesBase64Encoded": base64.b64encode(CONTENT).decode(), "mimeType": "video/mp4"}]}
        return {"name": name, "done": True, "response": response}


def _members(request: Request) -> Json:
    if not forms.is_form(request):
        return body_of(request)
    form = forms.read(request)
    return {**dict(form.fields), **{file.field: {"name": file.name} for file in form.files}}
