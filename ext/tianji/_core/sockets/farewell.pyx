"""How conversations over WebSockets end, as RFC 6455 lets it be said."""

cdef enum:
    NORMAL = 1000
    INTERNAL_ERROR = 1011
    MOST_REASON = 123               # bytes, section 5.5: a control frame has 125


class Farewell(Exception):  # noqa: N818  it is no error to part
    """How a conversation ends.

    code, reason: of the close frame, RFC 6455 section 7.4
    event: a text message before that, or None
    error: what went wrong, a TianjiError; or None
    """

    def __init__(self, code, reason, event=None, error=None):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.event = event
        self.error = error


cpdef int sendable(int code) noexcept:
    """The code that may stand in a close frame in place of `code`, RFC 6455 section 7.4.1 and IANA's registry."""
    if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999:
        return code
    return NORMAL if code == 0 or code == 1005 else INTERNAL_ERROR


cdef bytes shortened(bytes reason):
    # Cut where a character begins, so that it stays UTF-8.
    return reason if len(reason) <= MOST_REASON else reason[:MOST_REASON].decode("utf-8", "ignore").encode()
