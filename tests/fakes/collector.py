"""A collector of OpenTelemetry: HTTP on one port, gRPC without TLS on another. It keeps what it is told."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PREFIX = 5  # bytes before a message of gRPC


class Collector:
    """`heard`: (path, headers, body) of all requests. `status`: gRPC's; `early`: it stands in the answer's head."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 0
        self.early = False
        self._loop = asyncio.new_event_loop()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._grpc = self._loop.run_until_complete(self._loop.create_server(lambda: _Peer(self), "127.0.0.1", 0))
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.01,)),
            threading.Thread(target=self._loop.run_forever),
        ]
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.grpc_url = f"http://127.0.0.1:{self._grpc.sockets[0].getsockname()[1]}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._loop.call_soon_threadsafe(self._grpc.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join()
        self._http.server_close()
        self._loop.run_until_complete(self._grpc.wait_closed())
        self._loop.close()

    def spans(self, path: str) -> list[Span]:
        """All spans that came to a path."""
        return [
            span
            for where, _, body in list(self.heard)
            if where == path
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self, path: str) -> list[ExportMetricsServiceRequest]:
        """All that was told of metrics at a path."""
        return [ExportMetricsServiceRequest.FromString(body) for where, _, body in list(self.heard) if where == path]


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            collector.heard.append((self.path, headers, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Peer(asyncio.Protocol):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, RequestReceived):
                fields = {str(name): str(value) for name, value in event.headers or ()}
                self._asked[event.stream_id or 0] = (fields, bytearray())
            elif isinstance(event, DataReceived):
                stream = event.stream_id or 0
                self._asked[stream][1].extend(event.data or b"")
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            elif isinstance(event, StreamEnded):
                self._answer(event.stream_id or 0)
        self._transport.write(self._h2.data_to_send())

    def _answer(self, stream: int) -> None:
        headers, body = self._asked.pop(stream)
        self._collector.heard.append((headers[":path"], headers, bytes(body[PREFIX:])))
        head = [(":status", "200"), ("content-type", "application/grpc")]
        last = [("grpc-status", str(self._collector.status)), ("grpc-message", "so%20it%20is")]
        if self._collector.early:
            self._h2.send_headers(stream, head + last, end_stream=True)
            return
        self._h2.send_headers(stream, head)
        self._h2.send_data(stream, bytes(PREFIX))
        self._h2.send_headers(stream, last, end_stream=True)
