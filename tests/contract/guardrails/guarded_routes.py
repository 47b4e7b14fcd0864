"""The routes of the gateway, by whether words of a user go there or words of a model come from there.

Who adds a route says here how it is guarded, and which test proves it, or that nothing is said on it.
"""

from collections.abc import Iterator

from tianji.dialects.rows import ROWS
from tianji.endpoints.cursor import CHAT_PATHS
from tianji.endpoints.mcp import PATHS as MCP
from tianji.objects.rows import ROWS as OBJECTS
from tianji.realtime.routes import CALLS, LIVE, PATHS, RESPONSES, SECRETS

Route = tuple[str, str]


def _rows() -> Iterator[Route]:
    return (("post", path) for row in ROWS for path in row.paths)


def _objects(*, told: bool) -> Iterator[Route]:
    for row in OBJECTS:
        says = row.told or row.heard or row.content or row.form
        yield from ((row.method.lower(), path) for path in row.templates if says is told)


def _under(method: str, *tails: str) -> Iterator[Route]:
    """Yield a method at each of the paths of responses, with these behind it."""
    return ((method, f"{path}{tail}") for path in RESPONSES for tail in tails)


BATCHES = "/v1/messages/batches"
MODELS = ("/v1/models", "/models", "/cursor/v1/models", "/cursor/models")
GOOGLE = [f"{version}/models/{{model}}" for version in ("/v1beta", "/v1", "")]
GUARDED: dict[str, frozenset[Route]] = {  # by the test that proves it
    "guardrails/test_guardrails.py::test_every_operation_is_guarded": frozenset(_rows()),
    "guardrails/test_guardrails.py::test_what_is_masked_goes_to_no_model": frozenset(
        ("post", path) for path in CHAT_PATHS
    ),
    "guardrails/test_guardrails.py::test_googles_embeddings_are_guarded": frozenset(
        ("post", f"{path}:{name}") for path in GOOGLE for name in ("embedContent", "batchEmbedContents")
    ),
    "guardrails/test_guarded_lots.py": frozenset(_objects(told=True)),  # videos: test_the_prompt_of_a_video_is_guarded
    "guardrails/test_guarded_lots.py::test_every_request_in_a_batch_of_messages_is_guarded": frozenset(
        {("post", BATCHES)}
    ),
    "guardrails/test_guarded_lots.py::test_results_of_a_batch_of_messages_are_judged": frozenset(
        {("get", f"{BATCHES}/{{batch}}/results")}
    ),
    "guardrails/test_guarded_lots.py::test_a_stored_response_is_judged_for_whoever_reads_it": frozenset(
        _under("get", "/{response_id}")
    ),
    "guardrails/test_guarded_lots.py::test_the_session_of_a_secret_is_guarded": frozenset(
        ("post", f"{path}/{end}") for path in PATHS for end in SECRETS
    ),
    "guardrails/test_guarded_conversations.py": frozenset(("get", path) for path in (*PATHS, *LIVE)),
    "realtime/test_calls.py::test_what_cannot_be_called_is_refused": frozenset(("post", path) for path in CALLS),
    "dialects/test_response_sockets.py::test_a_guardrail_judges_each_event": frozenset(_under("get", "")),
    "tools/test_searches.py::test_what_is_asked_and_found_is_judged": frozenset(
        ("post", path) for path in ("/v1/search", "/search", "/v1/search/{tool}", "/search/{tool}")
    ),
    "objects/test_guarded_retrieval.py::test_what_is_asked_found_and_told_is_judged": frozenset(
        ("post", path) for path in ("/v1/rag/query", "/rag/query")
    ),
    "tools/test_tools.py::test_calls_and_results_are_judged": frozenset(
        ("post", path) for path in (*MCP, "/mcp-rest/tools/call")
    ),
    "guardrails/test_guardrail_management.py::test_a_text_is_shown_to_a_guardrail": frozenset(
        {("post", "/guardrails/apply_guardrail"), ("post", "/apply_guardrail")}
    ),
    "guardrails/test_guardrail_management.py::test_a_prompt_that_is_tried_is_guarded": frozenset(
        {("post", "/prompts/test")}
    ),
}
SILENT: frozenset[Route] = frozenset(
    {
        *_objects(told=False),  # lists, states, deletions; what a model is tuned with is not judged
        *(("post", path) for path in ("/v1/rag/ingest", "/rag/ingest")),  # documents are files, which are not judged
        *_under("delete", "/{response_id}"),
        *_under("post", "/{response_id}/cancel"),
        *_under("get", "/{response_id}/input_items"),  # what the client itself has said
        *(("post", f"{path}:countTokens") for path in GOOGLE),  # counted here
        *((method, f"{BATCHES}/{{batch}}") for method in ("get", "delete")),
        ("get", BATCHES),
        *(("post", f"{path}/{{call_id}}/hangup") for path in CALLS),
        ("post", f"{BATCHES}/{{batch}}/cancel"),
        *(("get", f"{path}{end}") for path in MODELS for end in ("", "/{model_id}")),
        *(("get", path) for path in ("/v1/search/tools", "/search/tools", "/search_tools/list")),
        ("get", "/search_tools/ui/available_providers"),
        *((method, path) for path in MCP for method in ("get", "delete")),
        *(("get", path) for path in ("/mcp-rest/tools/list", "/v1/mcp/tools", "/mcp/enabled", "/v1/mcp/server/health")),
        *(
            ("get", f"/prompts{tail}")
            for tail in ("/list", "/{prompt_id}", "/{prompt_id}/info", "/{prompt_id}/versions")
        ),
        *((method, "/prompts/{prompt_id}") for method in ("put", "patch", "delete")),
        *(("post", path) for path in ("/prompts", "/prompt/new", "/utils/dotprompt_json_converter")),
    }
)
"""On which nothing is said to a model or by one."""
MANAGING = frozenset(
    {
        "", "health", "utilities", "cache", "router", "keys", "users", "teams", "projects", "callbacks",
        "organizations", "customers", "budgets", "tags", "model management", "access groups", "coordination",
        "cache settings", "audit", "mcp servers", "adaptive routers", "configuration",
        "fallbacks", "pass-through endpoints", "activity", "spend", "exports", "credentials", "scim",
        "sign-in", "documentation", "public", "pages of settings",
    }
)  # fmt: skip
"""Families of routes that manage the gateway, or count tokens, which is done here."""
LEADING_THROUGH = "pass-through"
"""The tag of what leads through: `passthrough/test_guarded.py`, for all of it at once."""
