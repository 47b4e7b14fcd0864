"""OpenAI's evaluations: a run is over when it is looked at for the first time, and has used a few tokens of its model.

Source of the forms: https://platform.openai.com/docs/api-reference/evals
"""

import re
from typing import Final

from tianji.errors import ObjectNotFound
from tianji.mock.http import Request
from tianji.mock.json import CREATED, Json, body_of, said
from tianji.mock.kept.family import Family
from tianji.mock.script import Answer

_PATH: Final = re.compile(r".*?/evals(?:/([^/]+))?(?:/runs(?:/([^/]+))?)?(?:/cancel|(/output_items)(?:/([^/]+))?)?")
_UNDER_WAY: Final = "queued"


class Evals(Family):
    """What was made."""

    paths = _PATH

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Json] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what is not there or makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        name, run, items, item = found.groups() if found else (None,) * 4
        if name is None:
            return self._all(request)
        if "/runs" not in request.head.path:
            return self._of_one(_find(self._made, name), request)
        if run is None:
            return self._all_runs(_find(self._made, name), request)
        one = _find(self._runs, run)
        if items is None:
            return self._of_run(one, request)
        said_of = {"id": f"outputitem_{run}", "object": "eval.run.output_item", "eval_id": name, "run_id": run}
        return said(said_of if item else _listed([said_of]))

    def _all(self, request: Request) -> Answer:
        if request.head.method != "POST":
            return said(_listed(list(self._made.values())))
        made = {"id": f"eval_mock{self._next():04d}", "object": "eval", "created_at": CREATED, **body_of(request)}
        self._made[made["id"]] = made
        return said(made)

    def _of_one(self, one: Json, request: Request) -> Answer:
        if request.head.method == "DELETE":
            del self._made[one["id"]]
            return said({"object": "eval.deleted", "deleted": True, "eval_id": one["id"]})
        if request.head.method == "POST":
            one |= body_of(request)
        return said(one)

    def _all_runs(self, one: Json, request: Request) -> Answer:
        if request.head.method != "POST":
            return said(
                _listed([_over(run, "completed") for run in self._runs.values() if run["eval_id"] == one["id"]])
            )
        body = body_of(request)
        run = {
            "id": f"evalrun_mock{self._next():04d}",
            "object": "eval.run",
            "eval_id": one["id"],
            "created_at": CREATED,
            "status": _UNDER_WAY,
            "model": body["data_source"].get("model"),
            "per_model_usage": [],
            **body,
        }
        self._runs[run["id"]] = run
        return said(run)

    def _of_run(self, run: Json, request: Request) -> Answer:
        method = request.head.method
        if method == "DELETE":
            del self._runs[run["id"]]
            return said({"object": "eval.run.deleted", "deleted": True, "run_id": run["id"]})
        return said(_over(run, "canceled" if method == "POST" else "completed"))


def _over(run: Json, status: str) -> Json:
    """End a run that is under way, and return it."""
    if run["status"] == _UNDER_WAY:
        run["status"] = status
        counts = {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 0, "total_tokens": 120}
        run["per_model_usage"] = [{"model_name": run["model"], "invocation_count": 2, **counts}]
    return run


def _find(among: dict[str, Json], name: str) -> Json:
    if name not in among:
        raise ObjectNotFound(f"There is none called {name}")
    return among[name]


def _listed(data: list[Json]) -> Json:
    return {"object": "list", "data": data, "first_id": "x", "last_id": "x", "has_more": False}
