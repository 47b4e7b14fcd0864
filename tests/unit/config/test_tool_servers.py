"""What is wrong with entries of `mcp_servers`."""

import pytest

from .conftest import MODEL, Snippet


@pytest.mark.parametrize(
    ("entry", "key", "said"),
    [
        ("{}", "", "has no url"),
        ("{url: h/mcp}", ".url", "does not begin with http"),
        ("{url: 'http://h', spec_path: f.json}", ".spec_path", "makes tools of a document"),
        ("{url: 'http://h', auth_type: aws_sigv4}", ".auth_type", "is aws_sigv4, which is not served"),
        ("{url: 'http://h', auth_type: oauth2, oauth2_flow: authorization_code}", ".oauth2_flow", "authorization_code"),
        ("{url: 'http://h', auth_type: oauth2, oauth2_flow: client_credentials}", "", "lacks what it would get"),
    ],
)
def test_a_server_that_stays_down_says_why(snippet: Snippet, entry: str, key: str, said: str) -> None:
    (problem,) = snippet(MODEL + f"mcp_servers: {{s: {entry}}}").problems
    assert (problem.severity, problem.key) == ("warning", f"mcp_servers.s{key}")
    assert said in problem.message
    assert "stays down" in problem.message
    assert problem.remedy


def test_a_program_is_started_only_where_that_is_allowed(snippet: Snippet) -> None:
    def said(entry: str, **environ: str) -> list[str]:
        return [problem.key for problem in snippet(MODEL + f"mcp_servers: {{s: {entry}}}", **environ).problems]

    on = {"TIANJI_ENABLE_MCP_STDIO": "true"}
    assert said("{transport: stdio, command: npx}") == ["mcp_servers.s"]
    assert said("{transport: stdio, command: /usr/bin/npx}", **on) == []
    assert said("{transport: stdio}", **on) == ["mcp_servers.s"]
    assert said("{transport: stdio, command: sh}", **on) == ["mcp_servers.s.command"]
    assert said("{transport: stdio, command: sh}", **on, TIANJI_MCP_STDIO_EXTRA_COMMANDS="rust, sh") == []


def test_two_servers_whose_tools_have_the_same_names_are_told_of(snippet: Snippet) -> None:
    servers = "mcp_servers: {s: {url: 'http://h'}, t: {url: 'http://i', alias: s}}\n"
    aliases = "litellm_settings: {mcp_aliases: {a: nobody}}\n"
    found = {problem.key: problem.message for problem in snippet(MODEL + servers + aliases).problems}
    assert found == {
        "mcp_servers.t.alias": "its tools have the names of those of 's'",
        "litellm_settings.mcp_aliases.a": "there is no MCP server 'nobody'",
    }
