"""Google's Programmable Search: https://developers.google.com/custom-search/v1/reference/rest/v1/cse/list."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, lower, rows
from tianji.searching.query import Query

_MOST = 10  # results that it gives at once


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "GOOGLE_PSE_API_BASE", default="https://www.googleapis.com/customsearch/v1")
    who = {"key": given.need("api_key", "GOOGLE_PSE_API_KEY"), "cx": given.need("engine_id", "GOOGLE_PSE_ENGINE_ID")}

    def write(query: Query) -> Request:
        asked = {"q": query.text, "num": min(query.results, _MOST), "gl": lower(query.country)}
        if len(query.domains) == 1:
            asked |= {"siteSearch": query.domains[0], "siteSearchFilter": "i"}
        elif query.domains:
            asked["q"] = confined(query)
        return got(base, {}, {**query.more, **asked, **who})

    return Provider(
        write,
        lambda said: rows(said.get("items", ()), url="link", snippets=("snippet",)),
        ("google_pse/search",),
        0.005,
    )
