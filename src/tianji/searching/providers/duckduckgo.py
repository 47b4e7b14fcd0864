"""DuckDuckGo's instant answers, which know topics and no pages: https://duckduckgo.com/api."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, text
from tianji.searching.query import MOST_RESULTS, Query, Result


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for an address that is none."""
    base = given.base("api_base", "DUCKDUCKGO_API_BASE", default="https://api.duckduckgo.com")

    def write(query: Query) -> Request:
        asked = {"q": confined(query), "format": "json", "no_html": "1", "skip_disambig": "1"}
        return got(f"{base}/", {}, {**query.more, **asked})

    return Provider(write, lambda said: islice(_read(said), MOST_RESULTS), ("duckduckgo/search",))


def _read(said: Any) -> Iterator[Result]:
    """Yield what it says itself, and then the topics that it knows, some of which stand in groups."""
    if text(said.get("AbstractURL")) and text(said.get("AbstractText")):
        yield Result(text(said.get("Heading")), said["AbstractURL"], said["AbstractText"])
    for topic in (*(said.get("Results") or ()), *(said.get("RelatedTopics") or ())):
        for one in topic.get("Topics") or (topic,):
            if text(one.get("FirstURL")):
                title = text(one.get("Text")).partition(" - ")[0]
                yield Result(title, one["FirstURL"], text(one.get("Text")))
