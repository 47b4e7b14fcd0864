"""Rows about where a message ends: transfer codings, lengths, chunks, trailers.

A chunked request is the last of its connection on Granian: hyper takes a bare LF at the end of trailers for no end, so
that nothing behind them can be trusted.
"""

from tests.security.hostile import (
    BODY,
    CHUNKED,
    CHUNKS,
    CUT,
    END,
    HIDDEN,
    LAST,
    LENGTH,
    LENIENT,
    LINE,
    OLD_LINE,
    REFUSED,
    SERVED,
    SILENT,
    SIZE,
    chat,
    chunk,
    chunked,
    each,
    field,
    head,
    length,
    rows,
    table,
)

N = len(BODY)
CODED = (400, 501)
TOO_LARGE = (400, 413)

# -- transfer codings ---------------------------------------------------------------------------------------------

TRUE_CODINGS = {
    "as usual": "chunked",
    "mixed case": "Chunked",
    "upper case": "CHUNKED",
    "tabs around": "\tchunked\t",
    "blanks around": "  chunked  ",
}
# hyper looks at the last coding only and takes what the others made of the content for the content
LAST_IS_CHUNKED = {
    "chunked twice": "chunked, chunked",
    "identity first": "identity, chunked",
    "gzip first": "gzip, chunked",
    "two lines, chunked twice": "chunked\r\ntransfer-encoding: chunked",
    "two lines, an unknown one first": "cow\r\ntransfer-encoding: chunked",
}
FALSE_CODINGS = {
    "vertical tab before": "\x0bchunked",
    "vertical tab behind": "chunked\x0b",
    "form feed before": "\x0cchunked",
    "no-break space behind": "chunked\xa0",
    "NUL behind": "chunked\0",
    "bare CR before": "\rchunked",
    "identity last": "chunked, identity",
    "two lines, identity last": "chunked\r\ntransfer-encoding: identity",
    "identity": "identity",
    "gzip": "gzip",
    "xchunked": "xchunked",
    "chunkedx": "chunkedx",
    "weighted": "chunked;q=1",
    "quoted": '"chunked"',
    "single quotes": "'chunked'",
    "empty": "",
    "comma behind": "chunked,",
    "a blank within": "chun ked",
    "a high byte within": "chu\xeeked",
    "folded": "\r\n chunked",
    "a continuation behind": "chunked\r\n x",
}
FALSE_NAMES = {
    "a blank before the colon": "transfer-encoding : chunked\r\n",
    "a tab before the colon": "transfer-encoding\t: chunked\r\n",
    "a NUL in the name": "transfer-\0encoding: chunked\r\n",
    "a blank before the name": " transfer-encoding: chunked\r\n",
    "a bare CR before the name": "x: a\rtransfer-encoding: chunked\r\n",
}
FALSE_LENGTHS_BESIDE = {"short": 4, "of letters": "abc", "negative": -1, "empty": "", "of 2^70": 2**70}


def coding(value: str) -> str:
    return field("transfer-encoding", value)


def before_chunks(lines: str) -> str:
    return f"{head(lines)}\r\n{CHUNKS}"


def beside_length(codings: dict[str, str]) -> dict[str, str]:
    """Put a length before each coding that covers a hidden request, and one behind it that does not."""
    covering = field("content-length", len(CHUNKS) + len(HIDDEN))
    found = {f"{name}, length before": covering + coding(value) for name, value in codings.items()}
    found |= {f"{name}, length behind": coding(value) + LENGTH for name, value in codings.items()}
    return each(lambda lines: before_chunks(lines) + HIDDEN, found)


LENGTHS_BESIDE = {
    f"a length {name}, {place}": before_chunks(lines) + HIDDEN
    for name, value in FALSE_LENGTHS_BESIDE.items()
    for place, lines in (
        ("before", field("content-length", value) + CHUNKED),
        ("behind", CHUNKED + field("content-length", value)),
    )
}
OLD_CODED = {
    "alone": f"{head(CHUNKED, line=OLD_LINE)}\r\n{CHUNKS}",
    "with a length": f"{head(LENGTH + CHUNKED, line=OLD_LINE)}\r\n{CHUNKS}{HIDDEN}",
    "kept alive": f"{head(CHUNKED + field('connection', 'keep-alive'), line=OLD_LINE)}\r\n{CHUNKS}{HIDDEN}",
}


def alone(codings: dict[str, str]) -> dict[str, str]:
    return each(lambda value: before_chunks(coding(value)), codings)


CODINGS = table(
    rows("TE", "7.1", alone(TRUE_CODINGS), SERVED, LAST),
    rows("TE", "6.1", alone(LAST_IS_CHUNKED), REFUSED, LENIENT, CODED),
    rows("TE", "6.1", alone(FALSE_CODINGS), REFUSED, CUT, CODED),
    rows("TE", "9110 5.6.1", alone({"comma before": ",chunked"}), LENIENT, LENIENT, CODED),
    rows("TE", "5.1", each(before_chunks, FALSE_NAMES), REFUSED, CUT),
    rows("TE in HTTP/1.0", "6.1", OLD_CODED, REFUSED, CUT),
    rows("TE with CL", "6.3", beside_length(TRUE_CODINGS), REFUSED, REFUSED | LAST),
    rows("TE with CL", "6.3", beside_length(LAST_IS_CHUNKED), REFUSED, REFUSED | LAST, CODED),
    rows("TE with CL", "6.3", beside_length(FALSE_CODINGS), REFUSED, CUT, CODED),
    rows("TE with CL", "5.1", each(lambda n: before_chunks(LENGTH + n) + HIDDEN, FALSE_NAMES), REFUSED, CUT),
    rows("TE with CL", "6.3", LENGTHS_BESIDE, REFUSED, REFUSED | LAST, TOO_LARGE),
)

# -- lengths ------------------------------------------------------------------------------------------------------

TRUE_LENGTHS = {
    "a leading zero": f"0{N}",
    "blanks around": f"  {N}\t",
}
FALSE_LENGTHS = {
    "plus": f"+{N}",
    "minus": f"-{N}",
    "minus zero": "-0",
    "0x": f"0x{SIZE}",
    "letters": "many",
    "a letter behind": f"{N}h",
    "a blank within": f"{N // 10} {N % 10}",
    "two numbers": f"{N} {N}",
    "an underscore": f"{N // 10}_{N % 10}",
    "a fraction": f"{N}.0",
    "an exponent": f"{N}e0",
    "superscript": f"{N // 10}\xb3",
    "arabic-indic digits": "\u0663\u0666".encode().decode("latin-1"),
    "fullwidth digits": "\uff13\uff16".encode().decode("latin-1"),
    "empty": "",
    "blanks": " \t ",
    "a parameter": f"{N};a=b",
    "quoted": f'"{N}"',
    "a comma behind": f"{N},",
    "a list that differs": f"{N}, 5",
    "a list that differs, zero behind": f"{N}, 0",
    "a list with a sign": f"{N}, +{N}",
    "vertical tab before": f"\x0b{N}",
    "vertical tab behind": f"{N}\x0b",
    "NUL behind": f"{N}\0",
    "2^64": str(2**64),
    "2^64 and the length": str(2**64 + N),
    "sixty digits": "9" * 60,
    "folded": f"\r\n {N}",
    "continued": f"{N // 10}\r\n {N % 10}",
}
HUGE_LENGTHS = {"2^40": 2**40, "2^63 - 1": 2**63 - 1, "2^63": 2**63, "2^64 - 1": 2**64 - 1}
SAME_LENGTHS = {
    "a list of the same": f"{N}, {N}",
    "two lines of the same": f"{N}\r\ncontent-length: {N}",
    "two lines, another spelling": f"{N}\r\ncontent-length: 0{N}",
}
TWO_LENGTHS = {
    "zero behind": f"{N}\r\ncontent-length: 0",
    "zero first": f"0\r\ncontent-length: {N}",
    "a bad one behind": f"{N}\r\ncontent-length: x",
    "an empty one behind": f"{N}\r\ncontent-length:",
    "far apart": f"{N}\r\nx: a\r\nContent-Length: {N + 1}",
    "a third that differs": f"{N}\r\ncontent-length: {N}\r\ncontent-length: 7",
    "the second by a blank before the colon": f"0\r\ncontent-length : {N}",
    "the second by a bare CR": f"0\rcontent-length: {N}",
}
UNFINISHED_LENGTHS = {"a byte too few": N + 1, "far too few": N + 10_000}


def sized_by(value: object) -> str:
    return f"{head(field('content-length', value))}\r\n{BODY}"


LENGTH_ROWS = table(
    rows("CL", "9110 8.6", each(sized_by, TRUE_LENGTHS), SERVED, SERVED),
    rows("CL", "9110 8.6", {"30 leading zeros": sized_by(f"{'0' * 30}{N}")}, LENIENT, LENIENT, TOO_LARGE),
    rows("CL", "9110 8.6", each(sized_by, FALSE_LENGTHS), REFUSED, CUT, TOO_LARGE),
    rows("CL", "9110 8.6", {n: sized_by(v) for n, v in HUGE_LENGTHS.items()}, REFUSED, REFUSED, TOO_LARGE),
    rows("CL", "9110 8.6", each(sized_by, SAME_LENGTHS), LENIENT, LENIENT),
    rows("CL", "8", {n: sized_by(v) for n, v in UNFINISHED_LENGTHS.items()}, CUT, CUT, ends=True),
    rows("CL.CL", "6.3", each(lambda value: sized_by(value) + HIDDEN, TWO_LENGTHS), REFUSED, CUT),
)

# -- chunks -------------------------------------------------------------------------------------------------------

TRUE_SIZES = {
    "leading zeros": f"000{SIZE}",
    "an extension": f"{SIZE};a",
    "an extension with a value": f"{SIZE};a=b",
    "two extensions": f"{SIZE};a=b;c=d",
    "a quoted extension": f'{SIZE};a="b;c=\\"d\\""',
}
# sloppy, and understood by everybody in the same way: either may be
ODD_SIZES = {
    "blanks before the semicolon": f"{SIZE} ;a=b",
    "blanks around the equals sign": f"{SIZE};a = b",
    "a blank behind": f"{SIZE} ",
    "a tab behind": f"{SIZE}\t",
    "a semicolon alone": f"{SIZE};",
    "a tab in an extension": f"{SIZE};a\tb",
    "a high byte in an extension": f"{SIZE};a\x80",
    "a quote that stays open": f'{SIZE};a="',
    "many zeros": f"{'0' * 40}{SIZE}",
    "2000 bytes of extension": f"{SIZE};{'a' * 2000}",
    "4000 zeros": f"{'0' * 4000}{SIZE}",
}
# hyper does not look at extensions, except for line ends
FALSE_EXTENSIONS = {
    "NUL in an extension": f"{SIZE};a\0b",
    "a control character in an extension": f"{SIZE};a\x01b",
    "DEL in an extension": f"{SIZE};a\x7fb",
}
FALSE_SIZES = {
    "minus": f"-{SIZE}",
    "plus": f"+{SIZE}",
    "0x": f"0x{SIZE}",
    "empty": "",
    "an extension alone": ";a=b",
    "a blank before": f" {SIZE}",
    "a tab before": f"\t{SIZE}",
    "a blank within": f"{SIZE[0]} {SIZE[1]}",
    "letters": "zz",
    "a letter behind": f"{SIZE}h",
    "a letter before": f"g{SIZE}",
    "an underscore": f"{SIZE[0]}_{SIZE[1]}",
    "a comma": f"{SIZE},a",
    "a full stop": f"{SIZE}.",
    "quoted": f'"{SIZE}"',
    "NUL behind": f"{SIZE}\0",
    "vertical tab behind": f"{SIZE}\x0b",
    "superscript": f"{SIZE}\xb2",
    "a bare CR behind": f"{SIZE}\r",
    "a bare CR in an extension": f"{SIZE};a\rb",
    "a bare LF in an extension": f"{SIZE};a\nb",
    "a bare LF within quotes": f'{SIZE};a="\n"',
    "a line end within quotes": f'{SIZE};a="\r\n"',
    "2^64": f"1{'0' * 16}",
    "2^64 and the size": f"1{'0' * 14}{SIZE}",
    "2^68 and the size": f"1{'0' * 15}{SIZE}",
    "20000 bytes of extension": f"{SIZE};{'a' * 20_000}",
    "70000 bytes of extension": f"{SIZE};{'a' * 70_000}",
    "70000 zeros and a letter": f"{'0' * 70_000}x",
}
HUGE_SIZES = {"2^60": f"1{'0' * 15}", "2^63": f"8{'0' * 15}", "2^64 - 1": "f" * 16}
FALSE_CHUNKS = {
    "a bare LF behind the size": f"{SIZE}\n{BODY}\r\n{END}",
    "a bare CR behind the size": f"{SIZE}\r{BODY}\r\n{END}",
    "a bare LF behind an extension": f"{SIZE};a\n{BODY}\r\n{END}",
    "a bare LF behind the data": f"{SIZE}\r\n{BODY}\n{END}",
    "a bare CR behind the data": f"{SIZE}\r\n{BODY}\r{END}",
    "LF CR behind the data": f"{SIZE}\r\n{BODY}\n\r{END}",
    "no line end behind the data": f"{SIZE}\r\n{BODY}{END}",
    "two line ends behind the data": f"{SIZE}\r\n{BODY}\r\n\r\n{END}",
    "a byte behind the data": f"{SIZE}\r\n{BODY}X\r\n{END}",
    "a byte too few": f"{SIZE}\r\n{BODY[:-1]}\r\n{END}",
    "a line end before the size": f"\r\n{SIZE}\r\n{BODY}\r\n{END}",
    "a last chunk of -0": f"{chunk(BODY)}-0\r\n\r\n",
    "a last chunk of +0": f"{chunk(BODY)}+0\r\n\r\n",
    "a last chunk of 0x0": f"{chunk(BODY)}0x0\r\n\r\n",
    "a last chunk of nothing": f"{chunk(BODY)}\r\n\r\n",
    "a bare LF behind the last size": f"{chunk(BODY)}0\n\r\n",
    "bare LFs behind the last size": f"{chunk(BODY)}0\n\n",
    "a bare CR and a byte at the end": f"{chunk(BODY)}0\r\n\rX",
}
UNFINISHED_CHUNKS = {
    "a size of 2^40": f"1{'0' * 10}\r\n{BODY}",
    "a size in decimal": f"{N}\r\n{BODY}\r\n{END}",
    "no last chunk": chunk(BODY),
    "half a chunk": f"{SIZE}\r\n{BODY[:9]}",
    "half a size line": SIZE,
    "no end of the trailers": f"{chunk(BODY)}0\r\nx: a\r\n",
    "one line end": f"{chunk(BODY)}0\r\n",
    "nothing": "",
}
MUCH_EXTENSION = "".join(f"1;{'a' * 2000}\r\n{letter}\r\n" for letter in BODY) + END


def in_size(size: str) -> str:
    return chunked(f"{size}\r\n{BODY}\r\n{END}")


CHUNK_ROWS = table(
    rows("chunk size", "7.1", each(in_size, TRUE_SIZES), SERVED, LAST),
    rows("chunk size", "7.1.1", each(in_size, ODD_SIZES), LENIENT, LENIENT, TOO_LARGE),
    rows("chunk size", "7.1.1", each(in_size, FALSE_EXTENSIONS), REFUSED, LENIENT),
    rows("chunk size", "7.1", each(in_size, FALSE_SIZES), REFUSED, CUT, TOO_LARGE),
    rows("chunk size", "7.1", each(in_size, HUGE_SIZES), REFUSED, CUT, TOO_LARGE, ends=True),
    rows("chunk", "7.1", each(lambda chunks: chunked(chunks) + HIDDEN, FALSE_CHUNKS), REFUSED, CUT),
    rows("chunk", "8", each(chunked, UNFINISHED_CHUNKS), CUT, CUT, ends=True),
    rows("chunk", "7.1.1", {"72000 bytes of extensions": chunked(MUCH_EXTENSION)}, REFUSED, CUT, TOO_LARGE),
)

# -- trailers -----------------------------------------------------------------------------------------------------

SECOND = chat("second")
TRUE_TRAILERS = {
    "one": "x: a\r\n",
    "two": "x-checksum: a\r\ny: b\r\n",
    "an empty value": "x:\r\n",
    "a high byte": "x: \x80\r\n",
    "a host": "host: evil\r\n",
    "a key": "authorization: Bearer sk-other\r\n",
    "a name": "x-tianji-call-id: smuggled\r\n",
    "a close": "connection: close\r\n",
    "an expectation": "expect: 100-continue\r\n",
    "an upgrade": "connection: upgrade\r\nupgrade: websocket\r\n",
}
MISLEADING_TRAILERS = {"a length": length(HIDDEN), "a coding": CHUNKED}  # not to be heeded; to be refused, perhaps
FALSE_TRAILERS = {
    "no colon": "abc\r\n",
    "a blank before the colon": "x : a\r\n",
    "a blank before the name": " x: a\r\n",
    "folded": "x: a\r\n b\r\n",
    "no name": ": a\r\n",
    "a blank in the name": "x y: a\r\n",
    "NUL in the name": "x\0: a\r\n",
    "NUL in the value": "x: a\0b\r\n",
    "a control character in the value": "x: a\x01b\r\n",
    "a bare CR in the value": "x: a\rb\r\n",
    "a bare LF between two": "x: a\ny: b\r\n",
    "a request line": f"{LINE}",
    "300 of them": "".join(field(f"x{number}", "a") for number in range(300)),
    "100000 bytes": field("x", "a" * 100_000),
    "80 of 1000 bytes": field("x", "a" * 1000) * 80,
}
# a head and, as its body, a request: who takes the head for a trailer takes the body for a request
WRAPPED = f"{head(length(HIDDEN), name='second')}\r\n{HIDDEN}"
ENDED_BY_LF = {
    "LF, empty line": "0\r\nx: a\n\r\n",
    "LF, LF": "0\r\nx: a\n\n",
    "LF in place of the empty line": "0\r\nx: a\r\n\n",
    "LF and no trailer": "0\r\n\n",
}


def after_chunks(trailers: str) -> str:
    return chunked(f"{chunk(BODY)}0\r\n{trailers}\r\n")


TRAILERS = table(
    rows("trailer", "7.1.2", each(lambda t: after_chunks(t) + SECOND, TRUE_TRAILERS), SERVED, SILENT,
         requests=("outer", "second")),
    rows("trailer", "7.1.2", each(after_chunks, MISLEADING_TRAILERS), LENIENT, LAST),
    rows("trailer", "7.1.2", each(lambda t: after_chunks(t) + HIDDEN, FALSE_TRAILERS), REFUSED, CUT,
         (400, 413, 431)),
    rows("trailer", "2.2", each(lambda end: chunked(chunk(BODY) + end) + WRAPPED, ENDED_BY_LF), REFUSED, LENIENT),
)  # fmt: skip

FRAMING = table(CODINGS, LENGTH_ROWS, CHUNK_ROWS, TRAILERS)
