"""A store of objects behind HTTP, whose answers a test says."""

from tests.fakes.upstream import Peer


class Service:
    """Keeps the heads of requests; with a `status` other than 200 everything is answered by that."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.status = 200

    async def __call__(self, peer: Peer) -> None:
        while request := await peer.request():
            head, _, body = request.partition(b"\r\n\r\n")
            self.heads.append(head.decode())
            method, target, _ = head.decode().split("\r\n")[0].split(" ")
            status, answer = (self.status, b"") if self.status != 200 else self.answer(method, target, body)
            await peer.send(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer), answer))

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        raise NotImplementedError
