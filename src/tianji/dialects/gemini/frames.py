"""How Google frames a stream: as server-sent events, or as one JSON array where the client asks for no `alt=sse`.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""


class Frames:
    """Frames the pieces of one stream."""

    def __init__(self, *, as_array: bool) -> None:
        self._as_array = as_array
        self._begun = False

    def next(self, payload: bytes) -> bytes:
        """Return the next piece, framed."""
        if not self._as_array:
            return b"data: %b\r\n\r\n" % payload
        begun, self._begun = self._begun, True
        return (b",\r\n" if begun else b"[") + payload

    def last(self) -> bytes:
        """Return what follows the last piece."""
        if not self._as_array:
            return b""
        return b"]" if self._begun else b"[]"
