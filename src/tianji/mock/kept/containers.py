"""OpenAI's containers and their files, kept as long as the mock runs.

Source of the forms: https://platform.openai.com/docs/api-reference/containers and .../container-files
"""

import re
from collections.abc import Callable
from typing import Final

from tianji.errors import ObjectNotFound
from tianji.mock import forms
from tianji.mock.http import Request
from tianji.mock.json import CREATED, Json, body_of, said
from tianji.mock.kept.family import Family
from tianji.mock.script import Answer

_PATH: Final = re.compile(r".*?/containers(?:/([^/]+))?(?:/(files)(?:/([^/]+)(/content)?)?)?")
_FOLDER: Final = "/mnt/data/"


class Containers(Family):
    """What was made. `content_of` returns what an uploaded file holds, and its name."""

    paths = _PATH

    def __init__(self, content_of: Callable[[str], tuple[bytes, str]]) -> None:
        super().__init__()
        self._content_of = content_of
        self._files: dict[str, dict[str, tuple[Json, bytes]]] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        name, files, file, content = found.groups() if found else (None,) * 4
        method = request.head.method
        if name is None:
            return said(self._make(request)) if method == "POST" else _listed(list(self._made.values()))
        one = self._made.get(name)
        if one is None:
            raise ObjectNotFound(f"No such container: {name}")
        if files is None:
            if method == "DELETE":
                del self._made[name]
                return said({"id": name, "object": "container.deleted", "deleted": True})
            return said(one)
        if file is None:
            return said(self._put(name, request)) if method == "POST" else _listed([f for f, _ in self._in(name)])
        return self._of_file(name, file, method, content=content is not None)

    def _make(self, request: Request) -> Json:
        body = body_of(request)
        name = f"cntr_mock{self._next():04d}"
        self._files[name] = {}
        self._made[name] = {
            "id": name,
            "object": "container",
            "created_at": CREATED,
            "last_active_at": CREATED,
            "status": "running",
            "name": body.get("name"),
            "expires_after": body.get("expires_after") or {"anchor": "last_active_at", "minutes": 20},
        }
        for file in body.get("file_ids") or ():
            self._keep(name, *self._content_of(str(file)))
        return self._made[name]

    def _in(self, name: str) -> list[tuple[Json, bytes]]:
        return list(self._files[name].values())

    def _put(self, name: str, request: Request) -> Json:
        if not forms.is_form(request):
            return self._keep(name, *self._content_of(str(body_of(request).get("file_id"))))
        (file,) = forms.read(request).files
        return self._keep(name, file.content, file.name)

    def _keep(self, name: str, content: bytes, filename: str) -> Json:
        file: Json = {
            "id": f"cfile_mock{self._next():04d}",
            "object": "container.file",
            "created_at": CREATED,
            "bytes": len(content),
            "container_id": name,
            "path": _FOLDER + filename,
            "source": "user",
        }
        self._files[name][file["id"]] = file, content
        return file

    def _of_file(self, name: str, file: str, method: str, *, content: bool) -> Answer:
        found = self._files[name].get(file)
        if found is None:
            raise ObjectNotFound(f"No such file in this container: {file}")
        if content:
            return Answer(body=found[1], content_type=b"application/octet-stream")
        if method == "DELETE":
            del self._files[name][file]
            return said({"id": file, "object": "container.file.deleted", "deleted": True})
        return said(found[0])


def _listed(data: list[Json]) -> Answer:
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return said({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": False})
