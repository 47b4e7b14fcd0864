"""Programs for bills that take days of spend, as their documents have them: what each holds can be looked at.

A fake answers one request after another, by `handle`. `break_off` ends whoever asks at the nth request from now on,
before it is answered or, with `late`, after what it asked for was done.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tianji.protocol.multipart import Reader, boundary_of

Rows = list[dict[str, str]]
Meanwhile = Callable[[], Awaitable[None]]


class Broken(BaseException):
    """The end of a process."""


def rows_of(raw: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(raw.decode())))


class Bills:
    """What is common to them. `asked`: method, path, headers and body of all requests.

    refusing: days, with the status that refuses them; meanwhile: what happens before a request is answered
    """

    base = "https://bills"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.refusing: dict[str, int] = {}
        self.away = False
        self.meanwhile: Meanwhile | None = None
        self._ends_at: int | None = None
        self._late = False

    def break_off(self, number: int, *, late: bool = False) -> None:
        self._ends_at, self._late = len(self.asked) + number, late

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, url.removeprefix(self.base), headers, body))
        ends = self._ends_at is not None and len(self.asked) > self._ends_at
        if ends and not self._late:
            raise Broken
        answer = (503, {}, b"") if self.away else self.answer(method, urlsplit(url), headers, body)
        if ends:
            raise Broken
        return answer

    def answer(self, method: str, url: Any, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def days(self) -> dict[str, Rows]:
        """Return the rows that it holds of each day."""
        raise NotImplementedError

    def spent(self) -> dict[str, Decimal]:
        """Return the sum of each day."""
        return {day: sum((Decimal(row["BilledCost"]) for row in rows), Decimal()) for day, rows in self.days().items()}


def said(document: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(document).encode()


class Vantage(Bills):
    """Files of a custom provider. overwrites: a file takes the place of another one of its name, as in the console."""

    def __init__(self, *, overwrites: bool = False, at_once: int = 2) -> None:
        super().__init__()
        self.files: dict[str, tuple[str, str, Rows]] = {}  # by token: name, day, rows
        self.sizes: list[int] = []
        self.overwrites = overwrites
        self._at_once = at_once
        self._made = 0

    def add(self, name: str, raw: bytes) -> dict[str, Any]:
        rows = rows_of(raw)
        day = rows[0]["ChargePeriodStart"][:10]
        if self.overwrites:
            self.files = {token: one for token, one in self.files.items() if one[0] != name}
        self._made += 1
        token = f"usr_csts_upld_{self._made}"
        self.files[token] = (name, day, rows)
        return self._shown(token)

    def _shown(self, token: str) -> dict[str, Any]:
        name, day, _ = self.files[token]
        return {"token": token, "filename": name, "start_date": day, "end_date": day, "import_status": "processing"}

    def answer(self, method: str, url: Any, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if headers.get("authorization") != "Bearer vntg_tkn":
            return said({"errors": ["unauthorized"]}, 401)
        path = url.path.removeprefix("/v2/integrations/accss_crdntl%2F1/")
        if (method, path) == ("POST", "costs.csv"):
            return self._put(headers, body)
        if (method, path) == ("GET", "costs"):
            return self._list(int(parse_qs(url.query).get("page", ["1"])[0]))
        token = path.removeprefix("costs/")
        if method == "DELETE" and path != token:
            return (204, {}, b"") if self.files.pop(token, None) else said({"errors": ["not found"]}, 404)
        return said({"errors": ["no such route"]}, 404)

    def _put(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        reader = Reader(boundary_of(headers["content-type"].encode()) or b"")
        reader.feed(body)
        (part,) = reader.close()
        raw = body[part.at : part.at + part.size]
        rows = rows_of(raw)
        assert (part.name, part.content_type) == ("csv", b"text/csv")
        if len(rows) > 10_000 or len(raw) > 2 << 20:
            return said({"errors": ["too large"]}, 422)
        if (status := self.refusing.get(rows[0]["ChargePeriodStart"][:10])) is not None:
            return said({"errors": ["Row 1: no"]}, status)
        self.sizes.append(len(rows))
        return said(self.add(part.filename or "", raw), 201)

    def _list(self, page: int) -> tuple[int, dict[str, str], bytes]:
        tokens = list(self.files)
        start, end = (page - 1) * self._at_once, page * self._at_once
        url = f"{self.base}/v2/integrations/accss_crdntl%2F1/costs?page={page + 1}"
        links = {"next": url if end < len(tokens) else None}
        return said({"links": links, "user_costs_uploads": [self._shown(token) for token in tokens[start:end]]})

    def days(self) -> dict[str, Rows]:
        found: dict[str, Rows] = defaultdict(list)
        for _, day, rows in self.files.values():
            found[day] += rows
        return dict(found)


class Ternary(Bills):
    """A cost connection, and the store that it signs addresses of."""

    where = "https://storage.googleapis.com"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Rows] = {}

    def answer(self, method: str, url: Any, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if url.path == "/external-cost-sources/v1/conn%2F1/upload-url":
            if headers.get("authorization") != "Bearer tk":
                return said({}, 401)
            day = json.loads(body)["day"]
            return said({"url": f"{self.where}/ternary/{day}?sig=x", "method": "PUT", "headers": {"x-goog-a": "b"}})
        day = url.path.rpartition("/")[2]
        assert (method, headers.get("x-goog-a"), headers.get("authorization")) == ("PUT", "b", None)
        if day in self.refusing:
            return said({}, self.refusing[day])
        self.files[day] = rows_of(body)
        return 200, {}, b""

    def days(self) -> dict[str, Rows]:
        return self.files


class Mavvrik(Bills):
    """A connection, and the store with its resumable uploads. marker: the last day that it has, seconds since 1970."""

    where = "https://storage.googleapis.com"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Rows] = {}
        self.marker = 0
        self.sessions: dict[str, bytearray] = {}
        self.cancelled: list[str] = []

    def answer(self, method: str, url: Any, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if url.path.startswith("/tenant/metrics/agent/ai/conn%2F1"):
            return self._connection(method, url, headers, body)
        day = url.path.rpartition("/")[2]
        assert "x-api-key" not in headers
        if method == "POST":
            assert headers["x-goog-resumable"] == "start"
            self.sessions[day] = bytearray()
            return 201, {"location": f"{self.where}/session/{day}"}, b""
        if method == "DELETE":
            self.cancelled.append(day)
            return 499, {}, b""
        if day in self.refusing:
            return self.refusing[day], {}, b""
        held = self.sessions[day]
        span, _, whole = headers["content-range"].removeprefix("bytes ").partition("/")
        assert span == f"{len(held)}-{len(held) + len(body) - 1}"
        held += body
        if whole == "*":
            return 308, {}, b""
        assert int(whole) == len(held)
        self.files[day] = rows_of(gzip.decompress(held))
        return 200, {}, b""

    def _connection(
        self, method: str, url: Any, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if headers.get("x-api-key") != "mav":
            return said({}, 401)
        if method == "POST":
            return said({"id": "conn/1", "metricsMarker": self.marker})
        if method == "PATCH":
            self.marker = json.loads(body)["metricsMarker"]
            return 204, {}, b""
        asked = parse_qs(url.query)
        assert (asked["type"], asked["name"]) == (["metrics"], asked["datetime"])
        return said({"url": f"{self.where}/mavvrik/{asked['name'][0]}?sig=x"})

    def days(self) -> dict[str, Rows]:
        return self.files
