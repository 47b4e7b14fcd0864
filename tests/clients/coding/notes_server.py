"""A server of MCP over stdin and stdout with one tool, which says the word that is in a file."""

import json
import sys
from pathlib import Path
from typing import Any

TOOL = {
    "name": "read_note",
    "description": "Reads the note with the word.",
    "inputSchema": {"type": "object", "properties": {}},
}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    match asked["method"]:
        case "initialize":
            version = asked["params"]["protocolVersion"]
            about = {"name": "notes", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            return {"content": [{"type": "text", "text": Path("note.txt").read_text()}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}) + "\n")
        sys.stdout.flush()
