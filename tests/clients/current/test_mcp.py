"""The official library of the Model Context Protocol on both sides: its client, through the gateway, to its servers."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from tests.contract.harness import MASTER_KEY, Gateway, eventually

SERVER = MCPServer("official")


@SERVER.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@SERVER.prompt()
def greet(who: str) -> str:
    return f"hello {who}"


@SERVER.resource("note://official")
def note() -> str:
    return "noted"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application on a port of its own."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "it serves", 30)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with served(SERVER.streamable_http_app()) as http, served(SERVER.sse_app()) as sse:
        program = {"transport": "stdio", "command": sys.executable, "args": [str(Path(__file__)), "stdio"]}
        config = {
            "model_list": [],
            "mcp_servers": {
                "web": {"url": f"{http}/mcp"},
                "stream": {"url": f"{sse}/sse", "transport": "sse"},
                "program": program | {"env": {"PYTHONPATH": str(Path(__file__).parents[3])}},
            },
        }
        extra = sys.executable.rpartition("/")[2]
        env = {"TIANJI_ENABLE_MCP_STDIO": "true", "TIANJI_MCP_STDIO_EXTRA_COMMANDS": extra}
        with Gateway(config, tmp_path_factory.mktemp("mcp"), edge="granian", env=env, workers=2) as running:
            yield running


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_prompts_and_resources(gateway: Gateway, mode: str) -> None:
    async def talk() -> None:
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {MASTER_KEY}"}, timeout=30) as http:
            way = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
            async with Client(way, mode=mode) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert names == {"web-add", "stream-add", "program-add"}
                for name in sorted(names):
                    found = await client.call_tool(name, {"a": 1, "b": 2})
                    assert (found.is_error, found.structured_content) == (False, {"result": 3})
                    wrong = await client.call_tool(name, {"a": "x"})
                    assert wrong.is_error
                said = await client.get_prompt("web-greet", {"who": "you"})
                assert said.messages[0].content.text == "hello you"
                assert (await client.read_resource("note://official")).contents[0].text == "noted"

    asyncio.run(talk())


if __name__ == "__main__":
    SERVER.run("stdio")
