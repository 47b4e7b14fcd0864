"""Parquet (https://parquet.apache.org/docs/file-format/): one row group, plain and uncompressed, as much as bills need.

A library for it would be a hundred megabytes for a file a day. Its footer is Thrift's compact form
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

MAGIC: Final = b"PAR1"
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12  # types of Thrift
_INT64, _DOUBLE, _BYTE_ARRAY = 2, 5, 6  # types of Parquet
_KINDS: Final[Mapping[type, int]] = {int: _INT64, float: _DOUBLE}
_OPTIONAL, _UTF8, _PLAIN, _RLE, _UNCOMPRESSED, _DATA_PAGE = 1, 0, 0, 3, 0, 0


def parquet(rows: Sequence[Mapping[str, Any]], numbers: Mapping[str, type]) -> bytes:
    """Return rows as a file. They have the same columns; `numbers`: which of them are float or int, all others text."""
    names = list(rows[0]) if rows else []
    out = bytearray(MAGIC)
    chunks = []
    for name in names:
        kind = _KINDS.get(numbers.get(name, str), _BYTE_ARRAY)
        begun = len(out)
        out += _page([row[name] for row in rows], kind)
        size = len(out) - begun
        about = [
            (1, _I32, kind), (2, _LIST, (_I32, [_PLAIN, _RLE])), (3, _LIST, (_BINARY, [name])),
            (4, _I32, _UNCOMPRESSED), (5, _I64, len(rows)), (6, _I64, size), (7, _I64, size), (9, _I64, begun),
        ]  # fmt: skip
        chunks.append([(2, _I64, begun), (3, _STRUCT, about)])
    schema = [[(4, _BINARY, "bill"), (5, _I32, len(names))], *(_column(name, numbers) for name in names)]
    group = [(1, _LIST, (_STRUCT, chunks)), (2, _I64, len(out) - len(MAGIC)), (3, _I64, len(rows))]
    footer = _struct([
        (1, _I32, 1), (2, _LIST, (_STRUCT, schema)), (3, _I64, len(rows)),
        (4, _LIST, (_STRUCT, [group] if rows else [])), (6, _BINARY, "tianji"),
    ])  # fmt: skip
    return bytes(out + footer) + struct.pack("<I", len(footer)) + MAGIC


def _column(name: str, numbers: Mapping[str, type]) -> list[Any]:
    kind = _KINDS.get(numbers.get(name, str), _BYTE_ARRAY)
    text = [(6, _I32, _UTF8)] if kind == _BYTE_ARRAY else []
    return [(1, _I32, kind), (3, _I32, _OPTIONAL), (4, _BINARY, name), *text]


def _page(values: Sequence[Any], kind: int) -> bytes:
    """Return the page of one column: which values there are, then those."""
    levels = b"".join(
        _varint(len(list(run)) << 1) + bytes([there]) for there, run in groupby(v is not None for v in values)
    )
    body = (
        struct.pack("<I", len(levels)) + levels + b"".join(_plain(value, kind) for value in values if value is not None)
    )
    data = [(1, _I32, len(values)), (2, _I32, _PLAIN), (3, _I32, _RLE), (4, _I32, _RLE)]
    head = [(1, _I32, _DATA_PAGE), (2, _I32, len(body)), (3, _I32, len(body)), (5, _STRUCT, data)]
    return _struct(head) + body


def _plain(value: Any, kind: int) -> bytes:
    if kind == _DOUBLE:
        return struct.pack("<d", value)
    if kind == _INT64:
        return struct.pack("<q", value)
    text = str(value).encode()
    return struct.pack("<I", len(text)) + text


def _struct(fields: Iterable[Any]) -> bytes:
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        out += _value(kind, value)
        last = number
    return bytes(out) + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (_I32, _I64):
        return _varint(value << 1)  # zigzag: nothing here is below zero
    if kind == _BINARY:
        text: bytes = value.encode()
        return _varint(len(text)) + text
    if kind == _STRUCT:
        return _struct(value)
    of, items = value
    head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xF0 | of]) + _varint(len(items))
    return head + b"".join(_value(of, item) for item in items)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
