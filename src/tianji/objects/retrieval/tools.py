"""The tool by which requests say that files are to be searched.

https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest

TYPE: Final = "file_search"
IDS: Final = "vector_store_ids"
Json = dict[str, Any]


class FileSearch(Struct, frozen=True):
    """One tool: which stores, and how each of them is asked."""

    vector_store_ids: tuple[str, ...]
    max_num_results: int | None = None
    filters: Json | None = None
    ranking_options: Json | None = None

    @classmethod
    def read(cls, tool: Any, place: str) -> "FileSearch":
        """Return what a tool at a place of the request says. Raises InvalidRequest."""
        try:
            return msgspec.convert(tool, cls)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"{place}: {error}", param=place) from None

    def asked(self, query: str) -> Json:
        """Return the members of a search for a text, of each store alike."""
        own = {"filters": self.filters, "ranking_options": self.ranking_options}
        given = {"max_num_results": self.max_num_results} | own
        return {"query": query} | {name: value for name, value in given.items() if value is not None}


def searches_of(tools: object) -> tuple[list[FileSearch], list[Any]]:
    """Return the tools that search files, and all others. Raises InvalidRequest."""
    found, others = [], []
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict) and tool.get("type") == TYPE:
            found.append(FileSearch.read(tool, f"tools.{number}"))
        else:
            others.append(tool)
    return found, others
