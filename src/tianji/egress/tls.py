"""TLS towards upstreams: one context a set of trust anchors, with sessions that the next connection resumes."""

import ssl
from typing import Self


class ClientContext(ssl.SSLContext):
    """Verifies upstreams, offers HTTP/1.1 unless told otherwise, and resumes the last session of each host name.

    A session is kept by `keep()` while its connection lives: TLS 1.3 sends tickets after the handshake, and OpenSSL
    spoils the session of a connection that ends without a proper goodbye.
    """

    _sessions: dict[str, ssl.SSLSession]

    def __new__(cls) -> Self:
        """Make a context with the defaults of ssl.create_default_context()."""
        self = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        self._sessions = {}
        self.minimum_version = ssl.TLSVersion.TLSv1_2
        self.set_alpn_protocols(["http/1.1"])
        return self

    def keep(self, server_hostname: str, connection: ssl.SSLObject) -> None:
        """Remember the session of a connection that has answered."""
        if connection.session is not None and connection.session.has_ticket:
            self._sessions[server_hostname] = connection.session

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin TLS as the base class does, with the session kept for this name."""
        if session is None and isinstance(server_hostname, str):
            session = self._sessions.get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def client_context(
    ca_file: str | None = None,
    *,
    ca_data: str | None = None,
    certificate: tuple[str, str] | None = None,
    http2: bool = False,
) -> ClientContext:
    """Make a context that trusts the machine's authorities, or only those given as a PEM file or text.

    `certificate` is a pair of PEM files, chain and key, shown to upstreams that ask. `http2` offers HTTP/2 first (RFC
    7301 lets the upstream choose). Raises OSError or ssl.SSLError when a file cannot be read.
    """
    context = ClientContext()
    if http2:
        context.set_alpn_protocols(["h2", "http/1.1"])
    if ca_file is None and ca_data is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_file, cadata=ca_data)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context
