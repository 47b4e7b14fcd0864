"""Forms: whatever the pieces they come in, the parts are the same; what is hostile ends in 400."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest
from tianji.protocol import multipart
from tianji.protocol.multipart import MAX_HEAD, MAX_PARTS, MAX_TEXT, Part, Piece, Reader, boundary_of, written

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a \\"b\\".mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    b"\r\n--\r\n--a\x00\xff\r\n"
    b"--b--\r\n"
)
CONTENT = b"\r\n--\r\n--a\x00\xff"
PARTS = [
    Part("model", None, None, FORM.index(b"whisper-1"), 9, "whisper-1"),
    Part("file", 'a "b".mp3', b"audio/mpeg", FORM.index(CONTENT + b"\r\n--b--"), len(CONTENT), None),
]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), min_size=1, max_size=8)


def read(form: bytes, boundary: bytes = b"b", cuts: list[int] | None = None) -> list[Part]:
    reader = Reader(boundary)
    at = 0
    for size in cuts or []:
        reader.feed(form[at : at + size])
        at += size
    reader.feed(form[at:])
    return reader.close()


def content_of(part: Part, body: bytes) -> str | bytes:
    return body[part.at :][: part.size] if part.text is None else part.text


def one(
    head: bytes = b'content-disposition: form-data; name="a"', content: bytes = b"x", end: bytes = b"--b--"
) -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n" + end


def test_a_form_is_read_at_every_cut() -> None:
    for cut in range(len(FORM) + 1):
        assert read(FORM, cuts=[cut]) == PARTS
    assert content_of(PARTS[1], FORM) == CONTENT


@given(
    fields=st.lists(st.tuples(TEXT, st.one_of(TEXT, st.binary(max_size=60))), max_size=6),
    cuts=st.lists(st.integers(0, 80), max_size=12),
)
def test_what_is_written_is_read_in_any_pieces(fields: list[tuple[str, str | bytes]], cuts: list[int]) -> None:
    pieces: list[Piece[bytes]] = [
        Piece(name, content) if isinstance(content, str) else Piece(name, content, len(content), "f", b"a/b")
        for name, content in fields
    ]
    kind, parts, length = written(pieces)
    body = b"".join(parts)
    assert len(body) == length
    found = read(body, boundary_of(kind) or b"", cuts)
    assert [(part.name, part.filename, content_of(part, body)) for part in found] == [
        (name, None if isinstance(content, str) else "f", content) for name, content in fields
    ]


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 40), max_size=8))
def test_garbage_is_a_form_or_refused(data: bytes, cuts: list[int]) -> None:
    for body in (data, b"--b\r\n" + data, FORM[:60] + data + FORM[60:]):
        outcomes = []
        for some in (cuts, []):
            try:
                outcomes.append(repr(read(body, cuts=some)))
            except InvalidRequest as error:
                outcomes.append(error.message)
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (b"", "does not end"),
        (b"preamble\r\n" + FORM, "does not begin"),
        (FORM[:-4], "does not end"),
        (FORM[:-2] + b"\r\nepilogue", "behind its closing"),
        (FORM + b"\r\n", "behind its closing"),
        (FORM.replace(b"--b\r\nC", b"--b \r\nC"), "something else"),
        (one(content=b"\r\n--bx"), "something else"),
        (one(head=b"content-type: a/b"), "no content-disposition"),
        (one(head=b"content-disposition: form-data"), "no content-disposition"),
        (one(head=b'content-disposition: attachment; name="a"'), "no content-disposition"),
        (one(head=b'content-disposition: form-data; name=""'), "no content-disposition"),
        (one(head=b'content-disposition: form-data; name="a"; name="b"'), "parameters"),
        (one(head=b'content-disposition: form-data; name="a'), "parameters"),
        (one(head=b'content-disposition: form-data; name="a"\r\nX: 1\r\nx: 2'), "two headers"),
        (one(head=b'content-disposition: form-data; name="a"\r\n folded'), "header line"),
        (one(head=b'content-disposition: form-data; name="a"\nx: y'), "header line"),
        (one(head=b'content-disposition: form-data; name="a"\r\ncontent-transfer-encoding: base64'), "encoded"),
        (one(head=b'content-disposition: form-data; name="\xff"'), "UTF-8"),
        (one(content=b"\xff"), "UTF-8"),
        (one(head=b'content-disposition: form-data; name="a"\r\nx: ' + b"y" * MAX_HEAD), "headers of a part"),
        (one(content=b"x" * (MAX_TEXT + 1)), "fields are over"),
    ],
)  # fmt: skip
def test_what_is_hostile_is_refused_and_says_why(form: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem) as caught:
        read(form)
    assert caught.value.status == 400


def test_there_is_a_most_of_parts() -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n'
    assert len(read(part * MAX_PARTS + b"--b--")) == MAX_PARTS
    with pytest.raises(InvalidRequest, match="more than"):
        read(part * (MAX_PARTS + 1) + b"--b--")


def test_a_file_may_be_larger_than_all_fields() -> None:
    head = b'content-disposition: form-data; name="a"; filename="f"'
    content = b"\r\n--" * MAX_TEXT
    (part,) = read(one(head=head, content=content), cuts=[1000] * 50)
    assert (part.size, part.text) == (len(content), None)


def test_no_content_of_a_file_is_held() -> None:
    reader = Reader(b"b")
    reader.feed(one(head=b'content-disposition: form-data; name="a"; filename="f"')[:-8])
    for _ in range(100):
        reader.feed(bytes(10_000))
        assert len(reader._buffer) < 20


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        (None, None),
        (b"application/json", None),
        (b"multipart/form-datax; boundary=b", None),
        (b"multipart/form-data; boundary=b", b"b"),
        (b'Multipart/Form-Data ; charset=utf-8; BOUNDARY="b b"', b"b b"),
    ],
)
def test_the_type_names_the_boundary(kind: bytes | None, boundary: bytes | None) -> None:
    assert boundary_of(kind) == boundary


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"; boundary",
        b"; boundary=",
        b'; boundary="b "',
        b"; boundary=" + b"b" * 71,
        b"; boundary=b\xe9",
        b"; boundary=b; boundary=c",
    ],
)
def test_a_form_without_a_boundary_is_refused(parameters: bytes) -> None:
    with pytest.raises(InvalidRequest, match="malformed"):
        boundary_of(b"multipart/form-data" + parameters)


def test_names_are_written_as_browsers_do() -> None:
    _, parts, _ = multipart.written([Piece[bytes]('a"\r\n', "x")])
    assert b'name="a%22%0D%0A"' in b"".join(parts)
