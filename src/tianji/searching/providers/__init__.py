"""Who searches: one module each, whose `build(given)` returns a Provider."""

from collections.abc import Mapping
from typing import Final

PROVIDERS: Final[Mapping[str, str]] = {
    name: f"tianji.searching.providers.{module}"
    for name, module in (
        ("apiserpent", "apiserpent"),
        ("brave", "brave"),
        ("dataforseo", "dataforseo"),
        ("duckduckgo", "duckduckgo"),
        ("exa", "exa"),
        ("exa_ai", "exa"),
        ("fastcrw", "fastcrw"),
        ("firecrawl", "firecrawl"),
        ("google_pse", "google_pse"),
        ("linkup", "linkup"),
        ("nimble", "nimble"),
        ("parallel_ai", "parallel"),
        ("perplexity", "perplexity"),
        ("searchapi", "searchapi"),
        ("searxng", "searxng"),
        ("serper", "serper"),
        ("tavily", "tavily"),
        ("tinyfish", "tinyfish"),
        ("you_com", "you_com"),
    )
}
