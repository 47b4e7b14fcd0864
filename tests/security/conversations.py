"""Rows about several requests on one connection, what a connection is asked to become, and what is sound but odd."""

from tests.security.hostile import (
    BODY,
    CHUNKED,
    DECLINED,
    END,
    HIDDEN,
    HOST,
    KEY,
    LAST,
    LENGTH,
    LENIENT,
    LINE,
    OLD_LINE,
    PATH,
    REFUSED,
    SERVED,
    SILENT,
    body,
    chat,
    chunk,
    each,
    field,
    head,
    length,
    rows,
    table,
)

ANSWERED = REFUSED | DECLINED
FIRST = chat("first")
MODELS = f"GET /v1/models HTTP/1.1\r\n{HOST}{KEY}"
CLOSE = field("connection", "close")
KEEP = field("connection", "keep-alive")


def in_chunks(name: str, lines: str = "") -> str:
    return f"{head(CHUNKED + lines, name=name)}\r\n{chunk(body(name))}{END}"


# -- one behind the other -----------------------------------------------------------------------------------------

BAD = {
    "a blank before the colon": chat(lines="x : a\r\n"),
    "NULs": "\0\0\0\0",
    "another version": chat(line=f"POST {PATH} HTTP/7.0\r\n"),
    "two lengths": f"{head(LENGTH + field('content-length', 0))}\r\n{BODY}",
    "a false chunk": f"{head(CHUNKED)}\r\nzz\r\n{BODY}\r\n{END}",
    "a bare line": "x\r\n\r\n",
}
# the body is a request, and whoever forgets that it is a body answers it
WITHIN = f"{MODELS}{length(HIDDEN)}\r\n{HIDDEN}"
WITHIN_CHUNKS = f"{MODELS}{CHUNKED}\r\n{chunk(HIDDEN)}{END}"
LINES_WITHIN = {
    "POST": LINE,
    "POST to nowhere": LINE.replace(PATH, "/nowhere"),
    "GET of a path that takes POST": LINE.replace("POST", "GET"),
    "DELETE": LINE.replace("POST", "DELETE"),
    "OPTIONS": LINE.replace("POST", "OPTIONS"),
    "TRACE": LINE.replace("POST", "TRACE"),
}
NOMINATED = {
    "a length nominated": length(HIDDEN) + field("connection", "content-length"),
    "a length nominated beside keep-alive": length(HIDDEN) + field("connection", "keep-alive, content-length"),
    "an upgrade": length(HIDDEN) + field("connection", "upgrade") + field("upgrade", "x"),
    "an upgrade to HTTP/2": length(HIDDEN) + field("connection", "upgrade, http2-settings") + field("upgrade", "h2c"),
}
CODING_NOMINATED = head(CHUNKED + field("connection", "transfer-encoding"))
LAST_ONES = {
    "close": chat(lines=CLOSE),
    "close, upper case": chat(lines="Connection: CLOSE\r\n"),
    "close in a list": chat(lines=field("connection", "keep-alive, close")),
    "close in a second line": chat(lines=KEEP + CLOSE),
    "close and chunks": in_chunks("outer", CLOSE),
    "HTTP/1.0": chat(line=OLD_LINE),
    "HTTP/1.0 without Host": chat(line=OLD_LINE, host=""),
    "HTTP/1.0 and close": chat(lines=CLOSE, line=OLD_LINE),
}
MANY = tuple(f"n{number}" for number in range(30))
MIXED = f"{FIRST}{in_chunks('second')}{chat('third')}"

ORDER = table(
    rows("pipeline", "9.3.2", {"lengths, chunks": MIXED}, SERVED, SILENT, requests=("first", "second", "third")),
    rows("pipeline", "9.3.2", {"thirty": "".join(map(chat, MANY))}, SERVED, SERVED, requests=MANY),
    rows("good, bad", "9.3.2", each(lambda bad: FIRST + bad + HIDDEN, BAD), REFUSED, REFUSED, (400, 505),
         requests=("first", "outer")),
    rows("good, bad", "9.3.2", {"no Host": FIRST + chat(host="")}, REFUSED, ANSWERED, requests=("first", "outer")),
    rows("within", "6", {"GET with a length": WITHIN}, SERVED, SERVED),
    rows("within", "6", {"GET with chunks": WITHIN_CHUNKS}, SERVED, LAST),
    rows("within", "6", each(lambda line: f"{head(length(HIDDEN), line=line)}\r\n{HIDDEN}", LINES_WITHIN), ANSWERED,
         ANSWERED, (400, 404, 405)),
    rows("within", "9110 7.6.1", each(lambda lines: f"{head(lines)}\r\n{HIDDEN}", NOMINATED), ANSWERED, ANSWERED),
    rows("within", "9110 7.6.1", {"a coding nominated": f"{CODING_NOMINATED}\r\n{chunk(HIDDEN)}{END}"}, ANSWERED,
         ANSWERED),
    rows("within", "6", {"no key": f"{head(length(HIDDEN)).replace(KEY, '')}\r\n{HIDDEN}"}, ANSWERED, ANSWERED, (401,)),
    rows("behind the last", "9.6", each(lambda last: last + HIDDEN, LAST_ONES), LAST, LAST),
)  # fmt: skip

# -- sound, and odd -----------------------------------------------------------------------------------------------

SOUND = {
    "upper-case names": f"{head(LENGTH.upper()).replace('host', 'HOST')}\r\n{BODY}",
    "no blank behind a colon": chat(lines="x:a\r\n"),
    "an empty value": chat(lines="x:\r\n"),
    "a value of blanks": chat(lines="x: \t \r\n"),
    "tabs in a value": chat(lines="x:\ta\tb\t\r\n"),
    "high bytes in a value": chat(lines="x: \x80\xff\r\n"),
    "all marks of a token in a name": chat(lines="x!#$%&'*+-.^_`|~9: a\r\n"),
    "a colon in a value": chat(lines="x: a:b: c\r\n"),
    "a value that looks like a field": chat(lines='x: "content-length: 5"\r\n'),
    "the same name again": chat(lines="x: a\r\nX: a\r\nx: b\r\n"),
    "underscores for dashes": chat(lines="content_length: 5\r\ntransfer_encoding: chunked\r\n"),
    "50 fields": chat(lines="".join(field(f"x{number}", "a") for number in range(50))),
    "a value of 8000 bytes": chat(lines=field("x", "a" * 8000)),
    "a query": chat(line=LINE.replace(PATH, f"{PATH}?a=b&c=%20d;e/f?g:h@i!$'()*+,")),
    "a query of 8000 bytes": chat(line=LINE.replace(PATH, f"{PATH}?{'a' * 8000}")),
    "an encoded letter in the path": chat(line=LINE.replace("chat", "ch%61t")),
    "an address for a target": chat(line=LINE.replace("/v1", "http://t/v1")),
    "Host with a port": chat(host=field("host", "t:80")),
    "Host with an empty port": chat(host=field("host", "t:")),
    "Host of IPv6": chat(host=field("host", "[2001:db8::1]:443")),
    "Host of IPv4": chat(host=field("host", "192.0.2.1:65535")),
    "Host with an escape": chat(host=field("host", "a%2Db.example")),
    "Host at the end": f"{LINE}x-tianji-call-id: outer\r\n{KEY}{LENGTH}{HOST}\r\n{BODY}",
    "keep-alive": chat(lines=KEEP),
    "unknown options of the connection": chat(lines=field("connection", "x-a, keep-alive, x-b")),
    "empty options of the connection": chat(lines=field("connection", ",, keep-alive ,")),
    "a quoted close": chat(lines=field("connection", '"close"')),
    "proxy-connection": chat(lines=field("proxy-connection", "close")),
    "an upgrade to what nobody knows": chat(lines=field("connection", "upgrade") + field("upgrade", "x/1")),
    "an upgrade that the connection does not name": chat(lines=field("upgrade", "websocket")),
    "an upgrade to HTTP/2": chat(lines=field("connection", "upgrade, http2-settings") + field("upgrade", "h2c")
                                 + field("http2-settings", "AAMAAABkAAQAAP__")),
    "100-continue, and no patience": chat(lines=field("expect", "100-continue")),
    "100-Continue": chat(lines=field("Expect", "100-Continue")),
    "trailers announced": chat(lines=field("te", "trailers") + field("trailer", "x")),
    "a line end before the request": f"\r\n{chat()}",
    "a line end after the body": f"{chat()}\r\n",
    "HTTP/1.0 that stays": chat(lines=KEEP, line=OLD_LINE),
    "HTTP/1.0 that stays, without Host": chat(lines=KEEP, line=OLD_LINE, host=""),
}  # fmt: skip
SOUND_CHUNKS = {
    "chunks of a byte": f"{head(CHUNKED)}\r\n{''.join(map(chunk, BODY))}{END}",
    "a size in upper case": f"{head(CHUNKED)}\r\nA\r\n{BODY[:10]}\r\n{chunk(BODY[10:])}{END}",
    "a last chunk of many zeros": f"{head(CHUNKED)}\r\n{chunk(BODY)}0000\r\n\r\n",
    "a last chunk with an extension": f"{head(CHUNKED)}\r\n{chunk(BODY)}0;a=b\r\n\r\n",
    "no blank before chunked": f"{head()}Transfer-Encoding:chunked\r\n\r\n{chunk(BODY)}{END}",
}
EITHER = {
    "two line ends before the request": f"\r\n\r\n{chat()}",
    "1000 line ends before the request": "\r\n" * 1000 + chat(),
    "a bare LF before the request": f"\n{chat()}",
    "Host nominated": chat(lines=field("connection", "host")),
    "the key nominated": chat(lines=field("connection", "authorization")),
    "an upgrade to WebSocket by POST": chat(lines=field("connection", "upgrade") + field("upgrade", "websocket")),
    "100-continue in HTTP/1.0": chat(lines=KEEP + field("expect", "100-continue"), line=OLD_LINE),
    "an unknown expectation": chat(lines=field("expect", "200-ok")),
    "an expectation with a parameter": chat(lines=field("expect", "100-continue;a=b")),
    "two expectations": chat(lines=field("expect", "100-continue, x")),
    "an empty expectation": chat(lines="expect:\r\n"),
}

ODD = table(
    rows("sound", "9112", SOUND, SERVED, SERVED),
    rows("sound", "7.1", SOUND_CHUNKS, SERVED, LAST),
    rows("either", "9112", EITHER, LENIENT, LENIENT, (400, 401, 417, 426)),
)

CONVERSATIONS = table(ORDER, ODD)
