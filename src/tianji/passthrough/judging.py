"""What is to be said of endpoints that types alone cannot say: whose paths they take, and where they lead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tianji.config.additions import endpoint_of
from tianji.config.checks.pass_through import fault_of, is_path
from tianji.config.checks.subject import Subject, render
from tianji.config.loader import Loaded
from tianji.config.problems import Findings, Problem
from tianji.edge.routes import RouteTable
from tianji.errors import ConfigurationError
from tianji.gateway.additions.destinations import objection as address_objection
from tianji.passthrough.endpoints import headers
from tianji.passthrough.routes import collisions


def problems(loaded: Loaded, directory: Path, core: RouteTable) -> tuple[Problem, ...]:
    """Name the endpoints of a configuration that the gateway answers itself: they have no route."""
    findings = Findings()
    subject = Subject(
        config=loaded.config, tree=loaded.tree, environ=loaded.environment, directory=directory, findings=findings
    )
    for number, _, method, own in collisions(loaded.config.general_settings.pass_through_endpoints, core):
        where = ("general_settings", "pass_through_endpoints", number, "path")
        said = f"{method} {own.path} is the gateway's own ({own.summary.rstrip('.')}), which goes first"
        findings.drop(subject.place(*where), render(where), said, "choose another path, or other methods")
    return findings.problems


def objection(written: Mapping[str, Any], loaded: Loaded, core: RouteTable) -> str | None:
    """Say why an endpoint of the database would be left out; None when it would serve."""
    endpoint, wrong = endpoint_of(written, loaded.secrets)
    if endpoint is None:
        return wrong
    fault = fault_of(endpoint.address)
    if fault is not None:
        return f"target: {fault}"
    if not is_path(endpoint.path):
        return "path: it holds a character that means nothing in a path"
    for _, _, method, own in collisions((endpoint,), core):
        return f"path: {method} {own.path} is the gateway's own ({own.summary.rstrip('.')})"
    try:
        headers(endpoint.headers)
    except ConfigurationError as error:
        return error.message
    return address_objection(loaded.config, endpoint.address)
