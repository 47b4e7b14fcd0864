"""Changes to `tools`, `tool_choice` and `response_format`."""

from tianji.providers.steps.step import Judge, Step, functions, tools
from tianji.providers.upstream import Body

_TOOLS = frozenset({"tools"})
_TOOL_CHOICE = frozenset({"tool_choice"})


def no_strict(_: Judge) -> Step:
    """Remove `strict` from function tools."""

    def run(body: Body) -> None:
        for function in functions(body):
            function.pop("strict", None)

    return Step(run, needles=((b'"strict"',),))


def usual_kind_unsaid(_: Judge) -> Step:
    """Leave out of tools in Anthropic's form that they are of the usual kind, which some who borrow it do not know."""

    def run(body: Body) -> None:
        for tool in tools(body):
            if tool.get("type") == "custom":
                del tool["type"]

    return Step(run, needles=((b'"type":"custom"',), (b'"type": "custom"',)))


def plain_schemas(_: Judge) -> Step:
    """Remove `additionalProperties`, `strict`, `$id` and `$schema` from the tools' schemas, at every depth."""

    def run(body: Body) -> None:
        for function in functions(body):
            function.pop("strict", None)
            _plain(function.get("parameters"))

    marks = (b'"strict"', b'"additionalProperties"', b'"$id"', b'"$schema"')
    return Step(run, needles=tuple((mark,) for mark in marks))


def custom_tools_as_functions(_: Judge) -> Step:
    """Turn OpenAI's free-form custom tools into functions of one text argument."""

    def run(body: Body) -> None:
        for tool in tools(body):
            custom = tool.get("custom")
            if tool.get("type") == "custom" and isinstance(custom, dict):
                schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
                named = {key: custom[key] for key in ("name", "description") if key in custom}
                tool.clear()
                tool.update(type="function", function={**named, "parameters": schema})

    return Step(run, needles=((b'"custom"',),))


def function_tools_only(judge: Judge) -> Step:
    """Take function tools only; others are dropped or refused."""

    def run(body: Body) -> None:
        old = body.get("tools")
        if not isinstance(old, list):
            return
        kept = [tool for tool in old if not isinstance(tool, dict) or tool.get("type", "function") == "function"]
        if len(kept) != len(old):
            judge.reject(body, "tools", "it takes function tools only")
            if kept and judge.drop_params:
                body["tools"] = kept

    return Step(run, _TOOLS)


def tool_choice_any(_: Judge) -> Step:
    """Say `any` for `required`, the word of this wire form."""

    def run(body: Body) -> None:
        if body.get("tool_choice") == "required":
            body["tool_choice"] = "any"

    return Step(run, _TOOL_CHOICE)


def tool_choice_any_or_named(_: Judge) -> Step:
    """Say `any` for `required` and for a named function."""

    def run(body: Body) -> None:
        if body.get("tool_choice") == "required" or isinstance(body.get("tool_choice"), dict):
            body["tool_choice"] = "any"

    return Step(run, _TOOL_CHOICE)


def tool_choice_auto_or_none(judge: Judge) -> Step:
    """Take `auto` and `none` only."""

    def run(body: Body) -> None:
        if body.get("tool_choice") not in (None, "auto", "none"):
            judge.reject(body, "tool_choice", "only auto and none are known")

    return Step(run, _TOOL_CHOICE)


def tool_choice_harmless(judge: Judge) -> Step:
    """For models without tools: `auto` and `none` say nothing and are removed; more is refused."""

    def run(body: Body) -> None:
        if body.get("tool_choice") in (None, "auto", "none"):
            body.pop("tool_choice", None)
        else:
            judge.reject(body, "tool_choice", "the model has no tools")

    return Step(run, _TOOL_CHOICE)


def required_choice_as_turn(_: Judge) -> Step:
    """Replace `tool_choice: required`, which the provider refuses, by a user turn that asks for a tool."""

    def run(body: Body) -> None:
        turns = body.get("messages")
        if body.get("tool_choice") == "required" and isinstance(turns, list):
            del body["tool_choice"]
            turns.append({"role": "user", "content": "Please call one of the given tools now."})

    return Step(run, _TOOL_CHOICE)


def web_search_as_tool(judge: Judge) -> Step:
    """Turn `web_search_options` into Groq's browser tool; compound models search by themselves."""

    def run(body: Body) -> None:
        if body.pop("web_search_options", None) is None or "compound" in judge.model:
            return
        old = body.get("tools")
        body["tools"] = [*(old if isinstance(old, list) else ()), {"type": "browser_search"}]

    return Step(run, frozenset({"web_search_options"}))


def json_schema_only(judge: Judge) -> Step:
    """Take `response_format` of type json_schema (and text, which is no format) only."""

    def run(body: Body) -> None:
        wanted = body.get("response_format")
        kind = wanted.get("type") if isinstance(wanted, dict) else None
        if kind == "json_object":
            judge.reject(body, "response_format", "only json_schema is known")

    return Step(run, frozenset({"response_format"}))


def _plain(schema: object) -> None:
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            # `properties` holds names that the user chose; a property may well be called "strict"
            for key in ("additionalProperties", "strict", "$id", "$schema"):
                node.pop(key, None)
            for key, value in node.items():
                stack.extend(value.values() if key == "properties" and isinstance(value, dict) else (value,))
        elif isinstance(node, list):
            stack.extend(node)
