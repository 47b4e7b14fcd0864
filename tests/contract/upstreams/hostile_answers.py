"""Answers of an upstream that no client may believe: each is malformed, ambiguous, endless, or followed by more."""

OK = "HTTP/1.1 200 OK\r\n"
CHUNKED = "transfer-encoding: chunked\r\n"
END = "\r\n\r\n{}"  # of a head, and the body
SIZED = f"content-length: 2{END}"
CHUNKS = "\r\n2\r\n{}\r\n0\r\n\r\n"

START = {
    "no HTTP": "hello\r\n\r\n",
    "a body alone": "{}",
    "garbage before": f"x\r\n{OK}{SIZED}",
    "a line end before": f"\r\n{OK}{SIZED}",
    "another version": f"HTTP/2.0 200 OK\r\n{SIZED}",
    "a lower-case version": f"http/1.1 200 OK\r\n{SIZED}",
    "another protocol": f"ICY 200 OK\r\n{SIZED}",
    "an impossible status": f"HTTP/1.1 999 OK\r\n{SIZED}",
    "a status of two digits": f"HTTP/1.1 20 OK\r\n{SIZED}",
    "a status of four digits": f"HTTP/1.1 2000 OK\r\n{SIZED}",
    "switching protocols": "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
}
LENGTHS = {
    "two": f"{OK}content-length: 2\r\ncontent-length: 3{END}",
    "two alike and a third": f"{OK}content-length: 2\r\ncontent-length: 2\r\ncontent-length: 5{END}",
    "a list": f"{OK}content-length: 2, 3{END}",
    "negative": f"{OK}content-length: -2{END}",
    "signed": f"{OK}content-length: +2{END}",
    "of letters": f"{OK}content-length: 2x{END}",
    "in hex": f"{OK}content-length: 0x2{END}",
    "empty": f"{OK}content-length:{END}",
    "2^64": f"{OK}content-length: {2**64}{END}",
    "2^64 and two": f"{OK}content-length: {2**64 + 2}{END}",
    "before the coding": f"{OK}content-length: 2\r\n{CHUNKED}{CHUNKS}",
    "behind the coding": f"{OK}{CHUNKED}content-length: 2\r\n{CHUNKS}",
}
CODINGS = {
    "in HTTP/1.0": f"HTTP/1.0 200 OK\r\n{CHUNKED}{CHUNKS}",
    "twice": f"{OK}{CHUNKED}{CHUNKED}{CHUNKS}",
    "gzip first": f"{OK}transfer-encoding: gzip, chunked\r\n{CHUNKS}",
    "unknown": f"{OK}transfer-encoding: xchunked\r\n{CHUNKS}",
    "chunked not last": f"{OK}transfer-encoding: chunked, identity\r\n{CHUNKS}",
}
CHUNK = {
    "letters for a size": f"{OK}{CHUNKED}\r\nzz\r\n{{}}\r\n0\r\n\r\n",
    "a negative size": f"{OK}{CHUNKED}\r\n-2\r\n{{}}\r\n0\r\n\r\n",
    "a size of 0x2": f"{OK}{CHUNKED}\r\n0x2\r\n{{}}\r\n0\r\n\r\n",
    "a size beyond 2^64": f"{OK}{CHUNKED}\r\nfffffffffffffffff\r\n{{}}\r\n",
    "too long": f"{OK}{CHUNKED}\r\n1\r\n{{}}\r\n0\r\n\r\n",
    "too short": f"{OK}{CHUNKED}\r\n3\r\n{{}}\r\n0\r\n\r\n",
    "a bare LF behind the size": f"{OK}{CHUNKED}\r\n2\n{{}}\r\n0\r\n\r\n",
    "a bare LF behind the data": f"{OK}{CHUNKED}\r\n2\r\n{{}}\n0\r\n\r\n",
    "a length in a trailer": f"{OK}{CHUNKED}\r\n2\r\n{{}}\r\n0\r\ncontent-length: 5\r\n\r\n",
}
FIELDS = {
    "NUL in a value": f"{OK}x: a\0b\r\n{SIZED}",
    "NUL in a name": f"{OK}x\0y: a\r\n{SIZED}",
    "a bare CR": f"{OK}x: a\rb\r\n{SIZED}",
    "a bare LF": f"{OK}x: a\n{SIZED}",
    "a folded line": f"{OK}x: a\r\n b\r\n{SIZED}",
    "a blank before the colon": f"{OK}x : a\r\n{SIZED}",
    "no name": f"{OK}: a\r\n{SIZED}",
    "no colon": f"{OK}x\r\n{SIZED}",
}
ENDLESS = {
    "a value": f"{OK}x: {'a' * 200_000}\r\n{SIZED}",
    "a reason": f"HTTP/1.1 200 {'a' * 200_000}\r\n{SIZED}",
    "fields": OK + "x: a\r\n" * 300 + SIZED,
    "interim answers": "HTTP/1.1 100 Continue\r\n\r\n" * 50_000 + OK + SIZED,
    "hints": "HTTP/1.1 103 Early Hints\r\nx: a\r\n\r\n" * 500 + OK + SIZED,
    "a chunk's extension": f"{OK}{CHUNKED}\r\n2;{'a' * 1_000_000}\r\n{{}}\r\n0\r\n\r\n",
}
FOLLOWED = {
    "another answer": f'{OK}{SIZED}{OK}content-length: 14\r\n\r\n{{"poison":"1"}}',
    "another answer behind chunks": f'{OK}{CHUNKED}{CHUNKS}{OK}content-length: 14\r\n\r\n{{"poison":"1"}}',
    "a byte": f"{OK}{SIZED}x",
    "a line end": f"{OK}{SIZED}\r\n",
    "a body that a 204 has not": 'HTTP/1.1 204 No Content\r\n\r\n{"poison":"1"}',
}
HOSTILE = {
    f"{family}: {name}": raw
    for family, answers in (
        ("start", START),
        ("length", LENGTHS),
        ("coding", CODINGS),
        ("chunk", CHUNK),
        ("field", FIELDS),
        ("endless", ENDLESS),
        ("followed by", FOLLOWED),
    )
    for name, raw in answers.items()
}
