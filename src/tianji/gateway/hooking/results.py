"""Hooks that look at what tools of MCP servers have said, before the client does, and may say what a call costs.

https://docs.litellm.ai/docs/mcp_cost has the names. They see what guardrails have let pass, as with answers of models.
One that refuses or fails stops the result, which is paid for: it may be there to keep something back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.gateway.hooking.case import caller
from tianji.gateway.hooking.registered import Method, Registered
from tianji.gateway.tools.billing import CALL_TYPE, Bill, Called
from tianji.gateway.tools.books import NOTED
from tianji.hooks.standins import Node, answer
from tianji.money import to_nanos

RESULT: Final = "async_post_mcp_tool_call_hook"
_SAID: Final = "mcp_tool_call_response"
_WHOSE: Final = {
    "user_api_key_hash": "token", "user_api_key_alias": "key_alias", "user_api_key_user_id": "user_id",
    "user_api_key_team_id": "team_id", "user_api_key_org_id": "org_id",
}  # fmt: skip
_MICROSECONDS: Final = 1_000_000


class ResultHooks:
    """Those of one configuration."""

    def __init__(self, registered: Registered) -> None:
        self._hooks = registered.of(RESULT)

    async def look(self, exchange: Exchange, called: Called, bill: Bill) -> None:
        """Have hooks look at the result and the price of a bill, and leave there what they make of them.

        Raises HookRefused and HookFailed.
        """
        result = bill.result or {}
        told = answer({_SAID: result.get("content") or [], "hidden_params": {"response_cost": None}})
        given = _given(exchange, called, bill)
        for hook in self._hooks:
            said = await hook({**given, "response_obj": told})
            told = said if isinstance(said, Mapping) and _SAID in said else told
            cost = (told.get("hidden_params") or {}).get("response_cost")
            if cost is not None:
                bill.nano = _price(hook, cost)
        content = _plain(self._hooks[-1], told[_SAID])
        if content != (result.get("content") or []):  # what else says the same would say it as it was
            bill.result = {name: one for name, one in result.items() if name != "structuredContent"}
            bill.result["content"] = content


def _given(exchange: Exchange, called: Called, bill: Bill) -> dict[str, Any]:
    """Return the arguments that hooks may name beside the result."""
    about = {**called.about(exchange), "arguments": bill.arguments, "result": bill.result}
    whose = caller(exchange.identity, exchange.path)
    kwargs = {
        "name": called.tool,
        "arguments": bill.arguments,
        "model": f"MCP: {called.tool}",
        "call_type": CALL_TYPE,
        "litellm_call_id": exchange.call_id,
        NOTED: about,
        "user_api_key_dict": whose,
        "litellm_params": {"metadata": {NOTED: about, **{name: whose[own] for name, own in _WHOSE.items()}}},
    }
    began = datetime.fromtimestamp(bill.began / _MICROSECONDS)  # noqa: DTZ006 - as loggers of requests have it
    return {"kwargs": Node(kwargs), "start_time": began, "end_time": datetime.now()}  # noqa: DTZ005


def _price(hook: Method, cost: Any) -> int:
    try:
        return to_nanos(float(cost))
    except (TypeError, ValueError) as error:
        raise hook.ending(TypeError(f"response_cost is {cost!r}, which is no amount of US dollars")) from error


def _plain(hook: Method, content: Any) -> list[Any]:
    """Return the blocks of a result as JSON has them. Raises HookFailed for what is no list of them."""
    found = msgspec.json.decode(hook.encoded(lambda: msgspec.json.encode(content, enc_hook=_dumped)))
    if not isinstance(found, list) or not all(isinstance(block, dict) for block in found):
        raise hook.ending(TypeError(f"{_SAID} is no list of blocks"))
    return found


def _dumped(block: Any) -> Any:
    """Return a block that is a model of pydantic as JSON has it."""
    try:
        return block.model_dump(mode="json", exclude_none=True)
    except AttributeError as error:
        raise TypeError(f"{type(block).__name__} is no block of a result") from error
