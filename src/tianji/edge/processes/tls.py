"""TLS towards clients."""

import ssl

from tianji.edge.options import ServeOptions
from tianji.errors import ConfigurationError


def server_context(options: ServeOptions) -> ssl.SSLContext | None:
    """Return what a server of HTTP/1.1 shows its clients, None without a certificate.

    Made before the workers fork, so that a session begun with one is resumed by another.
    Raises ConfigurationError when certificate and key do not serve.
    """
    if options.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # a key behind a password fails, where OpenSSL would ask the terminal for it
        context.load_cert_chain(options.certificate, options.private_key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"TLS with certificate {options.certificate} and key {options.private_key}: {error}; "
            "give a PEM certificate chain and its unencrypted key"
        ) from error
    return context
