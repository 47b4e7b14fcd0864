"""A Qdrant of one process: collections and points by the REST API, as far as a cache needs it. Not for production.

https://api.qdrant.tech/api-reference. Vectors are compared one by one.
"""

import math
from typing import Any
from urllib.parse import unquote

from tests.fakes.json_server import JsonServer


class Qdrant(JsonServer):
    """One server. `status`: what it answers to everything instead, where it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.collections: dict[str, dict[str, Any]] = {}
        self.points: dict[str, dict[str, dict[str, Any]]] = {}
        self.status: int | None = None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body of an answer."""
        status, result = self.result(method, path, body)
        return status, {"result": result, "status": "ok" if status == 200 else "error", "time": 0}

    def result(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and result of a request."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        assert parts[0] == "collections"
        name, rest = parts[1], "/".join(parts[2:])
        if self.status is not None:
            return self.status, None
        if (method, rest) == ("GET", "exists"):
            return 200, {"exists": name in self.collections}
        if (method, rest) == ("PUT", ""):
            if name in self.collections:
                return 409, None
            self.collections[name] = {**body, "indexes": {}}
            self.points[name] = {}
            return 200, True
        if name not in self.collections:
            return 404, None
        if (method, rest) == ("PUT", "index"):
            self.collections[name]["indexes"][body["field_name"]] = body["field_schema"]
            return 200, {"status": "completed"}
        return self._points(method, name, rest, body)

    def _points(self, method: str, name: str, rest: str, body: Any) -> tuple[int, Any]:
        points, size = self.points[name], self.collections[name]["vectors"]["size"]
        if (method, rest) == ("PUT", "points"):
            if any(len(point["vector"]) != size for point in body["points"]):
                return 400, None
            points.update({point["id"]: point for point in body["points"]})
            return 200, {"status": "completed"}
        if (method, rest) == ("POST", "points/delete"):
            for one in [one for one, point in points.items() if fits(point["payload"], body["filter"])]:
                del points[one]
            return 200, {"status": "completed"}
        assert (method, rest) == ("POST", "points/search"), (method, rest)
        if len(body["vector"]) != size:
            return 400, None
        meant = [point for point in points.values() if fits(point["payload"], body["filter"])]
        ranked = sorted(((cosine(point["vector"], body["vector"]), point) for point in meant), key=lambda one: -one[0])
        return 200, [
            {
                "id": point["id"],
                "score": score,
                "payload": {name: point["payload"][name] for name in body["with_payload"]},
            }
            for score, point in ranked[: body["limit"]]
        ]


def fits(payload: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a payload fits a filter."""
    assert wanted.keys() <= {"must", "must_not"}
    return all(_fits(payload, one) for one in wanted.get("must", ())) and not any(
        _fits(payload, one) for one in wanted.get("must_not", ())
    )


def _fits(payload: dict[str, Any], condition: dict[str, Any]) -> bool:
    if "is_empty" in condition:
        return condition["is_empty"]["key"] not in payload
    value = payload.get(condition["key"])
    if "range" in condition:
        tests = {"gt": lambda a, b: a > b, "lte": lambda a, b: a <= b}
        return value is not None and all(tests[name](value, bound) for name, bound in condition["range"].items())
    match = condition["match"]
    return value in match["any"] if "any" in match else value == match["value"]


def cosine(one: list[float], other: list[float]) -> float:
    """How alike two vectors are."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))
