"""Bad settings of the cache are named with their place."""

import pytest

from .conftest import MODEL, Snippet
from .test_negative import refused

PARAMS = "litellm_settings.cache_params"
FATAL = [
    ("type: dual", "", "no server"),
    ("type: s3", "", "no bucket"),
    ("type: gcs", "", "no bucket"),
    ("type: azure-blob, azure_blob_container: c", "", "no account"),
    ('type: azure-blob, azure_account_url: "https://a"', "", "no container"),
    ("type: qdrant-semantic, similarity_threshold: 0.9, qdrant_api_base: http://q", "", "no collection"),
    ("type: qdrant-semantic, similarity_threshold: 0.9, qdrant_collection_name: c", "", "no Qdrant"),
    ("type: redis-semantic, similarity_threshold: 0.9", "", "no server"),
    ("type: valkey-semantic, similarity_threshold: 0.9, startup_nodes: [{host: h}]", "", "cluster"),
    ("type: redis-semantic, host: h", "", "how alike"),
    ("type: redis-semantic, host: h, similarity_threshold: 1.5", ".similarity_threshold", "how alike"),
    ("ttl: -1", ".ttl", "0 or more"),
    ("default_in_memory_ttl: -0.5", ".default_in_memory_ttl", "0 or more"),
    ("max_messages: -1", ".max_messages", "0 or more"),
    ("max_memory_mb: 0", ".max_memory_mb", "above 0"),
    ("lookup_timeout: 0", ".lookup_timeout", "above 0"),
    ('namespace: "a\\nb"', ".namespace", "headers"),
    ("cache_scope: world", ".cache_scope", "team"),
    ("single_flight: maybe", ".single_flight", "true or false"),
]
DOUBTFUL = [
    ("supported_call_types: [acompletion, wibble]", ".supported_call_types[1]"),
    ("type: local, max_memory_mb: 5", ".max_memory_mb"),
    ("type: local, max_entry_mb: 20", ".max_entry_mb"),
]


@pytest.mark.parametrize(("written", "key", "message"), FATAL)
def test_what_cannot_be_stops_the_start(snippet: Snippet, written: str, key: str, message: str) -> None:
    fragment = f"litellm_settings: {{cache: true, cache_params: {{{written}}}}}"
    (problem,) = [problem for problem in refused(snippet, MODEL + fragment) if problem.fatal]
    assert problem.key == PARAMS + key
    assert message in problem.message
    assert problem.line == 3


@pytest.mark.parametrize(("written", "key"), DOUBTFUL)
def test_what_is_doubtful_is_a_warning(snippet: Snippet, written: str, key: str) -> None:
    (problem,) = snippet(f"{MODEL}litellm_settings: {{cache: true, cache_params: {{{written}}}}}").problems
    assert (problem.severity, problem.key, problem.line) == ("warning", PARAMS + key, 3)


@pytest.mark.parametrize(
    "written",
    [
        "type: local",
        "type: disk, ttl: 0",
        "type: dual, host: h",
        "max_messages: null",
        "type: azure-blob, azure_account_url: 'https://a.blob.core.windows.net', azure_blob_container: c",
        "type: valkey-semantic, host: h, similarity_threshold: 0.9",
        "type: qdrant-semantic, qdrant_api_base: http://q, qdrant_collection_name: c, similarity_threshold: 0.9",
    ],
)
def test_what_is_accepted_is_accepted_silently(snippet: Snippet, written: str) -> None:
    assert snippet(f"{MODEL}litellm_settings: {{cache: true, cache_params: {{{written}}}}}").problems == ()
