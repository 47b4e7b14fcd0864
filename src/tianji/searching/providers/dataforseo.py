"""DataForSEO: https://docs.dataforseo.com/v3/serp/google/organic/live/advanced."""

import base64
from collections.abc import Iterator
from typing import Any

import msgspec

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, rows
from tianji.searching.query import Query, Result


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "DATAFORSEO_API_BASE", default="https://api.dataforseo.com")
    pair = given.text("api_key")
    if ":" not in pair:
        pair = f"{given.need('login', 'DATAFORSEO_LOGIN')}:{given.need('password', 'DATAFORSEO_PASSWORD')}"
    headers = {
        "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "content-type": "application/json",
    }

    def write(query: Query) -> Request:
        where = {} if {"location_code", "location_name"} & query.more.keys() else {"location_code": 2840}
        asked = {"language_code": "en", **where, **query.more, "keyword": confined(query), "depth": query.results}
        return Request("POST", f"{base}/v3/serp/google/organic/live/advanced", headers, msgspec.json.encode([asked]))

    return Provider(write, _read, ("dataforseo/search",), 0.003)


def _read(said: Any) -> Iterator[Result]:
    for task in said["tasks"]:
        for page in task.get("result") or ():
            organic = [item for item in page.get("items") or () if item.get("type") == "organic"]
            yield from rows(organic, snippets=("description",), date="timestamp")
