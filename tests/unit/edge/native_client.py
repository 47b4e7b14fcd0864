"""A client of the native edge whose socket is in memory."""


class Transport:
    """A client's socket: what was written to it, and what became of it."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.state = "open"

    def get_extra_info(self, name):
        return ("192.0.2.1", 1234) if name == "peername" else None

    def write(self, data):
        assert self.state == "open"
        self.written += data

    def writelines(self, pieces):
        self.write(b"".join(pieces))

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.state = "half closed"

    def close(self):
        self.state = "closed"

    def abort(self):
        self.state = "aborted"

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


class Client:
    """One connection to an edge."""

    def __init__(self, edge) -> None:
        self.transport = Transport()
        self.protocol = edge.protocol()
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        while data:
            room = self.protocol.get_buffer(-1)
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self.protocol.buffer_updated(size)
            data = data[size:]

    def answers(self) -> list[tuple[int, bytes]]:
        """What was answered so far: status and body of each whole answer. All must be whole."""
        found = []
        rest = self.transport.written
        while rest:
            head, rest = rest.split(b"\r\n\r\n", 1)
            status = int(head.split()[1])
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            if b"content-length" in fields:
                size = int(fields[b"content-length"])
                body, rest = rest[:size], rest[size:]
                assert len(body) == size
            elif fields.get(b"transfer-encoding") == b"chunked":
                body, rest = unchunk(rest)
            else:
                assert status in (100, 204, 304)
                body = b""
            found.append((status, body))
        return found


def unchunk(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, rest = rest.split(b"\r\n", 1)
        count = int(size, 16)
        body, end, rest = body + rest[:count], rest[count : count + 2], rest[count + 2 :]
        assert end == b"\r\n"
        if not count:
            return body, rest
