"""Rows about heads: request line, header fields, Host, and what is too long or never ends."""

from tests.security.hostile import (
    BODY,
    CHUNKED,
    CUT,
    DECLINED,
    HIDDEN,
    HOST,
    KEY,
    LENGTH,
    LENIENT,
    LINE,
    OLD_LINE,
    PATH,
    REFUSED,
    STOPPED,
    chat,
    chunk,
    each,
    field,
    head,
    rows,
    table,
)

ANSWERED = REFUSED | DECLINED
NO_PLACE = (400, 404, 405, 501)  # a sound request for what is not there
TOO_LONG = (400, 414, 431)


def by_line(line: str) -> str:
    return chat(line=f"{line}\r\n")


def by_target(target: str) -> str:
    return by_line(f"POST {target} HTTP/1.1")


def by_version(version: str) -> str:
    return by_line(f"POST {PATH} {version}")


# -- request line -------------------------------------------------------------------------------------------------

FALSE_LINES = {
    "a method alone": "POST",
    "no method": f"{PATH} HTTP/1.1",
    "a blank before": f" POST {PATH} HTTP/1.1",
    "a tab before": f"\tPOST {PATH} HTTP/1.1",
    "two blanks": f"POST  {PATH} HTTP/1.1",
    "two blanks before the version": f"POST {PATH}  HTTP/1.1",
    "a blank behind": f"POST {PATH} HTTP/1.1 ",
    "a tab behind": f"POST {PATH} HTTP/1.1\t",
    "a tab for a blank": f"POST\t{PATH} HTTP/1.1",
    "a tab before the version": f"POST {PATH}\tHTTP/1.1",
    "a vertical tab for a blank": f"POST\x0b{PATH} HTTP/1.1",
    "a no-break space for a blank": f"POST\xa0{PATH} HTTP/1.1",
    "a bare CR behind": f"POST {PATH} HTTP/1.1\r",
    "a bare CR for a blank": f"POST\r{PATH} HTTP/1.1",
    "a bare CR before": f"\rPOST {PATH} HTTP/1.1",
    "two versions": f"POST {PATH} HTTP/1.1 HTTP/1.1",
    "NUL before": f"\0POST {PATH} HTTP/1.1",
    "NUL in the method": f"PO\0ST {PATH} HTTP/1.1",
    "a control character in the method": f"PO\x01ST {PATH} HTTP/1.1",
    "a high byte in the method": f"P\xd6ST {PATH} HTTP/1.1",
    "a bracket in the method": f"PO(ST {PATH} HTTP/1.1",
    "a colon behind the method": f"POST: {PATH} HTTP/1.1",
    "a byte order mark": f"\xef\xbb\xbfPOST {PATH} HTTP/1.1",
    "a field before": f"x: a\r\nPOST {PATH} HTTP/1.1",
}
FALSE_VERSIONS = {
    "a letter behind": "HTTP/1.1x",
    "NUL behind": "HTTP/1.1\0",
    "lower case": "http/1.1",
    "mixed case": "Http/1.1",
    "1.10": "HTTP/1.10",
    "01.1": "HTTP/01.1",
    "no minor": "HTTP/1",
    "no minor digit": "HTTP/1.",
    "no major digit": "HTTP/.1",
    "a sign": "HTTP/+1.1",
    "a comma": "HTTP/1,1",
    "a blank": "HTTP 1.1",
    "no slash": "HTTP1.1",
    "another protocol": "ICY/1.1",
    "HTTPS": "HTTPS/1.1",
}
OTHER_VERSIONS = {"0.9": "HTTP/0.9", "2.0": "HTTP/2.0", "3.0": "HTTP/3.0", "9.9": "HTTP/9.9"}
FALSE_TARGETS = {
    "NUL": f"{PATH}\0",
    "a control character": f"{PATH}\x01",
    "DEL": f"{PATH}\x7f",
    "a blank": f"{PATH}? a",
    "a tab": f"{PATH}?\ta",
    "a bare CR": f"{PATH}?a\rb",
    "a bare LF": f"{PATH}?a\nb",
    "a line end": f"{PATH}?a\r\nb",
    "a byte that is no UTF-8": f"{PATH}?\xff",
    "a high byte in the path": f"{PATH}\xe9",
    "no slash": PATH[1:],
    "a query alone": "?a=b",
    "an address without a host": f"http://{PATH}",
    "an address without slashes": f"http:{PATH}",
}
# hyper cuts a fragment off, and takes UTF-8 as it is
SLOPPY_TARGETS = {
    "a fragment": f"{PATH}#a",
    "a fragment behind a query": f"{PATH}?a#b",
    "UTF-8 in the query": f"{PATH}?\xc3\xa9",
}
ODD_TARGETS = {
    "braces and bars": f"{PATH}?^`{{|}}",
    "quotes": f'{PATH}?"',
    "angle brackets": f"{PATH}?<>",
    "user information": f"http://user:pass@t{PATH}",
    "another host than Host says": f"http://evil{PATH}",
    "another port than Host says": f"http://t:9{PATH}",
    "another scheme": f"https://t{PATH}",
    "a scheme that is not served": f"ftp://t{PATH}",
}
ELSEWHERE = {
    "an encoded NUL": f"{PATH}%00",
    "an encoded line end": f"{PATH}%0d%0ax:%20a",
    "a false percent sign": f"{PATH}%zz",
    "a backslash": "/v1\\chat\\completions",
    "dot segments": f"/v1/../v1/{PATH[4:]}",
    "an encoded slash": PATH.replace("/completions", "%2fcompletions"),
    "two slashes before": f"//t{PATH}",
    "an asterisk": "*",
    "an authority": "t:80",
    "an address without a path": "http://t",
}
METHODS = {
    "lower case": f"post {PATH} HTTP/1.1",
    "mixed case": f"Post {PATH} HTTP/1.1",
    "unknown": f"BREW {PATH} HTTP/1.1",
    "5000 letters": f"{'A' * 5000} {PATH} HTTP/1.1",
    "all marks of a token": f"!#$%&'*+-.^_`|~09az {PATH} HTTP/1.1",
    "TRACE": f"TRACE {PATH} HTTP/1.1",
    "OPTIONS of all": "OPTIONS * HTTP/1.1",
    "CONNECT": "CONNECT t:443 HTTP/1.1",
    "CONNECT to a path": f"CONNECT {PATH} HTTP/1.1",
    "CONNECT to an address": f"CONNECT http://t{PATH} HTTP/1.1",
    "PRI": "PRI * HTTP/1.1",
}

LINES = table(
    rows("request line", "3", each(by_line, FALSE_LINES), REFUSED, CUT),
    rows("request line", "3", {"none, and a field": f"{HOST}\r\n"}, REFUSED, CUT),
    rows("version", "2.3", each(by_version, FALSE_VERSIONS), REFUSED, CUT, (400, 505)),
    rows("version", "9110 15.6.6", each(by_version, OTHER_VERSIONS), REFUSED, CUT, (505,)),
    rows("version", "9110 2.5", {"1.2": by_version("HTTP/1.2")}, LENIENT, LENIENT, (400, 505)),
    rows("version", "2.3", {"none": by_line(f"POST {PATH}"), "none, GET": "GET /v1/models\r\n\r\n"}, REFUSED, CUT,
         (400, 505)),
    rows("target", "3.2", each(by_target, FALSE_TARGETS), REFUSED, CUT),
    rows("target", "3.2", each(by_target, SLOPPY_TARGETS), REFUSED, LENIENT),
    rows("target", "3.2", each(by_target, ODD_TARGETS), LENIENT, LENIENT, (400, 421)),
    rows("target", "9110 15.5.5", each(by_target, ELSEWHERE), ANSWERED, ANSWERED | CUT, NO_PLACE),
    rows("method", "9110 9.1", each(by_line, METHODS), ANSWERED, ANSWERED, (*NO_PLACE, 414, 431)),
)  # fmt: skip

# -- header fields ------------------------------------------------------------------------------------------------

CONTROLS = {f"{code:#04x}": chr(code) for code in (0x00, 0x01, 0x08, 0x0B, 0x0C, 0x0D, 0x1B, 0x7F)}
SEPARATORS = {letter: letter for letter in '"(),/;<=>?@[\\]{}'}
FALSE_FIELDS = (
    {f"{name} in a value": f"x: a{letter}b" for name, letter in CONTROLS.items()}
    | {f"{name} in a name": f"x{letter}y: a" for name, letter in CONTROLS.items()}
    | {f"{name} in a name": f"x{letter}y: a" for name, letter in SEPARATORS.items()}
    | {
        "a high byte in a name": "x\xe9: a",
        "a blank in a name": "x y: a",
        "a blank before the colon": "x : a",
        "a tab before the colon": "x\t: a",
        "no name": ": a",
        "a blank for a name": " : a",
        "no colon": "x",
        "no colon, and a value": "x a",
        "a continuation by a blank": "x: a\r\n b",
        "a continuation by a tab": "x: a\r\n\tb",
        "a continuation of nothing": "x:\r\n a",
        "a continuation by a blank alone": "x: a\r\n ",
        "a continuation that looks like a field": f"x: a\r\n {CHUNKED.strip()}",
        "a bare CR behind": "x: a\r",
        "two bare CRs behind": "x: a\r\r",
        "a bare CR before": "\rx: a",
        "LF CR": "x: a\n\ry: b",
        "a name that goes on in the next line": "x\r\n: a",
        "a NUL line": "\0",
    }
)
FALSE_FIRST = {
    "a blank before the first": " x: a",
    "a tab before the first": "\tx: a",
    "a blank line of blanks": " ",
    "a coding behind a blank": f" {CHUNKED.strip()}",
}
# hyper takes a bare LF for a line end, as 2.2 allows
ENDED_BY_LF = {
    "everywhere": head(LENGTH).replace("\r\n", "\n") + "\n" + BODY,
    "behind the request line": chat(line=LINE.replace("\r\n", "\n")),
    "behind a field": chat(lines="x: a\n"),
    "behind a coding": f"{head()}transfer-encoding: chunked\n\r\n{chunk(BODY)}0\r\n\r\n",
    "behind the last field": f"{head(LENGTH.replace(chr(13), ''))}\r\n{BODY}",
    "in place of the empty line": f"{head(LENGTH)}\n{BODY}",
    "twice at the end": f"{head(LENGTH.replace(chr(13), ''))}\n{BODY}",
}

FIELDS = table(
    rows("field", "5", each(lambda line: chat(lines=f"{line}\r\n"), FALSE_FIELDS), REFUSED, CUT),
    rows("field", "2.2", each(lambda line: chat(line=f"{LINE}{line}\r\n"), FALSE_FIRST), REFUSED, CUT),
    rows("bare LF", "2.2", ENDED_BY_LF, REFUSED, LENIENT),
    rows("bare CR", "2.2", {"everywhere": head(LENGTH).replace("\r\n", "\r") + "\r" + BODY}, CUT, CUT, ends=True),
)

# -- Host ---------------------------------------------------------------------------------------------------------

FALSE_HOSTS = {
    "a blank": "a b",
    "a slash": "t/",
    "a path": "t/v1",
    "a query": "t?a",
    "a fragment": "t#a",
    "a backslash": "t\\a",
    "user information": "user@t",
    "user and password": "user:pass@t",
    "an at sign": "@",
    "quotes": '"t"',
    "angle brackets": "<t>",
    "a high byte": "t\xe9",
    "an address": "http://t",
    "an open bracket": "[::1",
    "a bracket alone": "t]",
    "letters for a port": "t:x",
    "two ports": "t:80:90",
    "a signed port": "t:-1",
    "a false percent sign": "%zz",
}
HOSTS = table(
    rows("Host", "3.2", {"none": chat(host="")}, REFUSED, STOPPED),
    rows("Host", "3.2", {"a blank before the colon": chat(host="host : t\r\n")}, REFUSED, CUT),
    rows("Host", "3.2", {"another name": chat(host="hosts: t\r\n")}, REFUSED, STOPPED),
    rows("Host", "3.2", {
        "the same twice": chat(host=HOST * 2),
        "two": chat(host=f"{HOST}Host: u\r\n"),
        "two, far apart": chat(lines="host: u\r\n"),
        "two, the first empty": chat(host=f"host:\r\n{HOST}"),
        "two, the second empty": chat(host=f"{HOST}host:\r\n"),
        "two, and an address": chat(line=LINE.replace("/v1", "http://t/v1"), host=HOST * 2),
    }, REFUSED, STOPPED),
    rows("Host", "3.2", each(lambda host: chat(host=field("host", host)), FALSE_HOSTS), REFUSED, LENIENT),
    rows("Host", "3.2", {"none, and an address": chat(line=LINE.replace("/v1", "http://t/v1"), host="")}, REFUSED,
         LENIENT),
    rows("Host", "9110 7.2", each(lambda host: chat(host=field("host", host)), {
        "empty": "", "blanks": " \t", "a comma": "a,b", "no host": ":80", "a long one": "a" * 300,
        "a port that is none": "t:99999",
    }), LENIENT, LENIENT),
    rows("Host", "3.2", {"two in HTTP/1.0": chat(line=OLD_LINE, host=HOST * 2)}, LENIENT, LENIENT),
)  # fmt: skip

# -- sizes --------------------------------------------------------------------------------------------------------

MAX_BODY = 100 * 1024  # of the gateway under test
LONG_BODY = f'{{"model":"mock-outer","messages":[],"user":"{"a" * 2 * MAX_BODY}"}}'
LONG_HEADS = {
    "a target of 20000 bytes": (by_target(f"{PATH}?{'a' * 20_000}"), (414,)),
    "a target of 70000 bytes": (by_target(f"{PATH}?{'a' * 70_000}"), (414, 431)),
    "a target of 1000000 bytes": (by_target(f"{PATH}?{'a' * 1_000_000}"), (414, 431)),
    "a method of 100000 bytes": (by_line(f"{'A' * 100_000} {PATH} HTTP/1.1"), (400, 405, 414, 431, 501)),
    "a method of 1000000 bytes": (by_line(f"{'A' * 1_000_000} {PATH} HTTP/1.1"), (400, 405, 414, 431, 501)),
    "a value of 70000 bytes": (chat(lines=field("x", "a" * 70_000)), (431,)),
    "a value of 1000000 bytes": (chat(lines=field("x", "a" * 1_000_000)), (431,)),
    "a name of 70000 bytes": (chat(lines=field("a" * 70_000, "x")), (400, 431)),
    "80 values of 1000 bytes": (chat(lines=field("x", "a" * 1000) * 80), (431,)),
    "300 fields": (chat(lines="".join(field(f"x{number}", "a") for number in range(300))), (431,)),
    "5000 fields": (chat(lines="".join(field(f"x{number}", "a") for number in range(5000))), (431,)),
}
LONG_BODIES = {
    "a length and the body": f"{head(field('content-length', len(LONG_BODY)))}\r\n{LONG_BODY}",
    "one chunk": f"{head(CHUNKED)}\r\n{chunk(LONG_BODY)}0\r\n\r\n",
    "chunks": f"{head(CHUNKED)}\r\n{chunk('a' * 999) * 300}0\r\n\r\n",
}
LONG_ANNOUNCED = {
    "a byte too many": head(field("content-length", MAX_BODY + 1)) + "\r\n",
    "ten times as many": head(field("content-length", MAX_BODY * 10)) + "\r\n",
}
ENDLESS = {
    "a request line": f"POST {PATH}?{'a' * 300_000}",
    "a name": head("a" * 1_000_000),
    "a value": head(f"x: {'a' * 1_000_000}"),
    "empty lines": "\r\n" * 500_000,
}
UNFINISHED = {
    "nothing": "",
    "half a request line": LINE[:12],
    "a request line": LINE,
    "half a field": f"{LINE}ho",
    "no empty line": head(LENGTH),
    "half an empty line": head(LENGTH) + "\r",
    "no body": head(LENGTH) + "\r\n",
    "half a body": chat()[:-5],
}
STRANGERS = {
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 50,
    "SSH": "SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "PROXY 1": f"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{HIDDEN}",
    "PROXY 2": f"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c{'a' * 12}{HIDDEN}",
    "an answer": "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a greeting": "hello\r\n\r\n",
    "JSON": f"{BODY}\r\n\r\n",
    "NULs": "\0" * 100,
    "a false HTTP/2 preface": f"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n{HIDDEN}",
    "a key in the place of a request": f"{KEY}\r\n{HIDDEN}",
}

SIZES = table(
    *(
        rows("size", "3, 5.4", {name: wire}, REFUSED, STOPPED, statuses)
        for name, (wire, statuses) in LONG_HEADS.items()
    ),
    rows("body size", "9110 15.5.14", LONG_BODIES, ANSWERED, ANSWERED, (413,)),
    rows("body size", "9110 15.5.14", LONG_ANNOUNCED, REFUSED, REFUSED, (413,), ends=True),
    rows("endless", "3, 5.4", ENDLESS, REFUSED, CUT, TOO_LONG, ends=True),
    rows("unfinished", "8", UNFINISHED, CUT, CUT, (400, 408), ends=True),
    rows("no HTTP", "2.2", STRANGERS, REFUSED, CUT, (400, 505), ends=True),
)

HEADS = table(LINES, FIELDS, HOSTS, SIZES)
