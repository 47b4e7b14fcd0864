"""Where a request goes: host, port, TLS."""

cimport cython


@cython.final
cdef class Origin:
    """One upstream address. Equal origins share connections.

    `host` is a name or an IP address, `port` 1-65535. With `ssl_context` the connection is TLS and the certificate is
    checked against `server_hostname`, by default the host. With `http1` the upstream is offered HTTP/2 (the context
    has to name it, see client_context), and `http1` is where calls go when it declines. With `answers` there is no
    connection: it is called with the Stream of each call. Raises ValueError for an unusable host or port.
    """

    def __init__(
        self, str host not None, int port, ssl_context=None, str server_hostname=None, *, Origin http1=None,
        answers=None
    ):
        if not host or not 0 < port < 65536:
            raise ValueError("an origin needs a host and a port from 1 to 65535")
        self.host = host.lower().strip("[]")
        self.port = port
        self.ssl_context = ssl_context
        self.server_hostname = (server_hostname or self.host) if ssl_context is not None else None
        self.http1 = http1
        self.answers = answers
        self.hashed = hash((self.host, port, self.server_hostname))

    def __hash__(self):
        return self.hashed

    def __eq__(self, other):
        cdef Origin that
        if type(other) is not Origin:
            return NotImplemented
        that = <Origin> other
        return (
            self.port == that.port
            and self.host == that.host
            and self.ssl_context is that.ssl_context
            and self.server_hostname == that.server_hostname
            and self.http1 == that.http1
            and self.answers is that.answers
        )

    def __str__(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self):
        return f"Origin({str(self)!r}, tls={self.ssl_context is not None})"
