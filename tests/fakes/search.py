"""A Valkey with a module for search: a real one, whose commands FT.CREATE and FT.SEARCH are answered before it.

No package brings such a module. So those two are read strictly by their documents, and everything else, the hashes that
are searched among it, is the real server's. https://valkey.io/commands/ft.create, https://valkey.io/commands/ft.search,
https://valkey.io/topics/search-query.
"""

import math
import re
import socket
import struct
import threading
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, BinaryIO, NamedTuple, Self

from redis import Redis

# a filter of one tag and the nearest neighbours, as the grammar of hybrid queries writes it
QUERY = re.compile(
    r"\(?@(?P<tag>\w+):\{(?P<value>[^{}|]+)\}\)?=>\[ ?KNN (?P<k>\d+) @(?P<field>\w+) \$(?P<param>\w+)"
    r"(?: EF_RUNTIME \d+)?(?: AS (?P<name>\w+))? ?\]"
)
NUMBERS = {"INITIAL_CAP", "M", "EF_CONSTRUCTION", "EF_RUNTIME", "DIM"}


class WrongError(Exception):
    """What the documents do not allow."""


class Index(NamedTuple):
    """What FT.CREATE made."""

    prefixes: list[bytes]
    tags: set[str]
    vectors: dict[str, int]  # dimensions, by field


class SearchServer:
    """On a port of its own, before the server at (`host`, `port`). `asked`: the commands of search, in order."""

    def __init__(self, host: str, port: int) -> None:
        self.data = Redis(host=host, port=port)
        self.behind = (host, port)
        self.indexes: dict[str, Index] = {}
        self.asked: list[list[bytes]] = []
        outer = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                outer.serve(self.rfile, self.wfile)

        class Server(ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host, self.port = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.data.close()

    def serve(self, client: BinaryIO, out: Any) -> None:
        with socket.create_connection(self.behind) as upstream, upstream.makefile("rwb") as server:
            newer = False
            while (command := read_command(client)) is not None:
                name = command[0].upper()
                if name.startswith(b"FT."):
                    out.write(self.answer(command, newer=newer))
                    continue
                server.write(b"*%d\r\n" % len(command) + b"".join(map(bulk, command)))
                server.flush()
                newer = newer or (name == b"HELLO" and command[1:2] == [b"3"])
                out.write(read_reply(server))

    def answer(self, command: list[bytes], *, newer: bool) -> bytes:
        self.asked.append(command)
        words = iter(command[1:])
        try:
            if command[0].upper() == b"FT.CREATE":
                return self.create(words)
            if command[0].upper() == b"FT.SEARCH":
                return self.search(words, newer=newer)
            raise WrongError(f"unknown command {command[0]!r}")
        except WrongError as error:
            return f"-ERR {error}\r\n".encode()
        except StopIteration:
            return b"-ERR an argument is missing\r\n"

    def create(self, words: Iterator[bytes]) -> bytes:
        name = next(words).decode()
        prefixes: list[bytes] = []
        while (word := next(words).upper()) != b"SCHEMA":
            if word == b"ON" and next(words).upper() == b"HASH":
                continue
            if word != b"PREFIX":
                raise WrongError(f"{word!r} is not understood before SCHEMA")
            prefixes = [next(words) for _ in range(number(next(words)))]
        index = Index(prefixes, set(), {})
        for field in words:
            self._field(field.decode(), words, index)
        if not index.vectors:
            raise WrongError("there is no field")
        if name in self.indexes:
            raise WrongError(f"Index {name} already exists.")
        self.indexes[name] = index
        return b"+OK\r\n"

    def _field(self, field: str, words: Iterator[bytes], index: Index) -> None:
        kind = next(words).upper()
        if kind == b"TAG":
            index.tags.add(field)
            return
        if kind != b"VECTOR" or next(words).upper() not in (b"HNSW", b"FLAT"):
            raise WrongError(f"{kind!r} is no type of a field")
        count = number(next(words))
        if count % 2:
            raise WrongError("attributes are pairs")
        said = {next(words).decode().upper(): next(words).decode().upper() for _ in range(count // 2)}
        if said.pop("TYPE", None) != "FLOAT32" or said.pop("DISTANCE_METRIC", None) != "COSINE":
            raise WrongError("TYPE and DISTANCE_METRIC are required")
        if "DIM" not in said or not all(key in NUMBERS and value.isdigit() for key, value in said.items()):
            raise WrongError("attributes are not understood")
        index.vectors[field] = int(said["DIM"])

    def search(self, words: Iterator[bytes], *, newer: bool) -> bytes:
        name, query = next(words).decode(), next(words).decode()
        if name not in self.indexes:
            raise WrongError(f"Index with name '{name}' not found")
        index, wanted = self.indexes[name], QUERY.fullmatch(query)
        if wanted is None or wanted["tag"] not in index.tags or wanted["field"] not in index.vectors:
            raise WrongError(f"Invalid query {query!r}")
        params: dict[bytes, bytes] = {}
        fields: list[bytes] = []
        for option in words:
            if option.upper() == b"PARAMS":
                pairs = [next(words) for _ in range(number(next(words)))]
                params = dict(zip(pairs[::2], pairs[1::2], strict=True))
            elif option.upper() == b"RETURN":
                fields = [next(words) for _ in range(number(next(words)))]
            elif option.upper() != b"DIALECT" or next(words) != b"2":
                raise WrongError(f"Unexpected argument {option!r}")
        vector = params.get(wanted["param"].encode(), b"")
        if len(vector) != 4 * index.vectors[wanted["field"]]:
            raise WrongError("the query vector has another size than the index")
        found = sorted(self._distances(index, wanted, vector))[: int(wanted["k"])]
        distance = (wanted["name"] or f"__{wanted['field']}_score").encode()
        return self._told(found, fields, distance, newer=newer)

    def _distances(self, index: Index, wanted: re.Match[str], vector: bytes) -> Iterator[tuple[float, bytes]]:
        for prefix in index.prefixes:
            for key in self.data.scan_iter(match=prefix + b"*"):
                tag, kept = self.data.hmget(key, [wanted["tag"], wanted["field"]])
                if kept is not None and len(kept) == len(vector) and tag.lower() == wanted["value"].lower().encode():
                    yield 1 - cosine(vector, kept), key

    def _told(self, found: list[tuple[float, bytes]], fields: list[bytes], name: bytes, *, newer: bool) -> bytes:
        hits = []
        for distance, key in found:
            values = {field: self.data.hget(key, field) for field in fields} | {name: f"{distance:.10g}".encode()}
            pairs = [bulk(part) for pair in values.items() if pair[1] is not None for part in pair]
            hits.append((key, len(pairs), b"".join(pairs)))
        if not newer:
            return b"*%d\r\n:%d\r\n" % (1 + 2 * len(hits), len(hits)) + b"".join(
                bulk(key) + b"*%d\r\n" % count + pairs for key, count, pairs in hits
            )
        rows = [
            b"%2\r\n" + bulk(b"id") + bulk(key) + bulk(b"extra_attributes") + b"%%%d\r\n" % (count // 2) + pairs
            for key, count, pairs in hits
        ]
        return (
            b"%2\r\n"
            + bulk(b"total_results")
            + b":%d\r\n" % len(hits)
            + bulk(b"results")
            + b"*%d\r\n" % len(rows)
            + b"".join(rows)
        )


def cosine(one: bytes, other: bytes) -> float:
    a, b = (struct.unpack(f"<{len(data) // 4}f", data) for data in (one, other))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def number(word: bytes) -> int:
    if not word.isdigit():
        raise WrongError(f"{word!r} is no number")
    return int(word)


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def read_command(stream: BinaryIO) -> list[bytes] | None:
    """Return a command, an array of texts; None at the end."""
    head = stream.readline()
    if not head:
        return None
    words = []
    for _ in range(int(head[1:])):
        size = int(stream.readline()[1:])
        words.append(stream.read(size))
        stream.read(2)
    return words


def read_reply(stream: BinaryIO) -> bytes:
    """Return one whole reply as it stands: https://valkey.io/topics/protocol."""
    head = stream.readline()
    kind, count = head[:1], head[1:].strip()
    if kind in (b"$", b"=", b"!") and count != b"-1":
        return head + stream.read(int(count) + 2)
    if kind in (b"*", b"~", b">", b"%") and count != b"-1":
        parts = int(count) * (2 if kind == b"%" else 1)
        return head + b"".join(read_reply(stream) for _ in range(parts))
    return head
