"""The guardrails of one worker: says of each request whether anybody watches it, and who that is."""

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji._core.requests.carry import Carry
from tianji._core.sockets.tunnel import Tunnel
from tianji.auth.identity import Identity
from tianji.errors import InvalidRequest, MalformedJSON, ObjectNotFound
from tianji.gateway.admission.parties import Parties
from tianji.gateway.guarding import paths
from tianji.gateway.guarding.answers.answering import Rules
from tianji.gateway.guarding.answers.earlier import Earlier
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.lots.lines import line_of
from tianji.gateway.guarding.passing import passed
from tianji.gateway.guarding.paths import NO_PATHS, Path, Paths, as_theirs, path_of
from tianji.gateway.guarding.request import Known, Request, about
from tianji.gateway.guarding.talk import Talk
from tianji.gateway.guarding.tooling import ToolTrial
from tianji.gateway.guarding.trial import Trial, applied
from tianji.gateway.guarding.watch import Watch
from tianji.guardrails.policies import NOTHING, Applied, Policies, Subject
from tianji.guardrails.selection import Asking, Owned, Plan, Selection, Wishes, owned, wishes
from tianji.guardrails.slots.answers import Shape
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.vendor import AROUND_TOOLS

NOBODY: Final = Owned()
NO_WISHES: Final = Wishes()
UNWATCHED: Final = frozenset({"realtime", "live"})
"""Operations that are no request with an answer: a conversation is neither."""
_MEMBER: Final = b"guardrails"
_SHOWS: Final = b"include_guardrail_response"
_METADATA: Final = (b"metadata", b"litellm_metadata", b"tianji_metadata")


class Setting(Struct, frozen=True):
    """What a configuration says of guarding.

    of_models: by model group, the guardrails that any of its deployments asks for; of_deployments: the same by id
    group_of: from the name of a model, as clients or upstreams call it, to its group, "" for none
    paths: those that lead through and are guarded
    """

    selection: Selection
    policies: Policies
    parties: Parties
    of_models: Mapping[str, tuple[str, ...]] = {}
    of_deployments: Mapping[str, tuple[str, ...]] = {}
    group_of: Callable[[str], str] = str
    paths: Paths = NO_PATHS


class Guards:
    """What the compiled path asks of each request that was let in; see Pipeline.guards."""

    def __init__(self, setting: Setting, rules: Rules) -> None:
        self._setting = setting
        self._rules = rules

    def __call__(self, asked: Asked) -> Watch | None:
        """Return who watches a request; None where nobody does. Raises InvalidRequest for what it asks for."""
        exchange, body, setting = asked.exchange, asked.spans, self._setting
        if asked.operation.name in UNWATCHED or isinstance(asked, Tunnel) or (exchange.silent and not exchange.path):
            return None  # the last is a question of the gateway's own
        path, wanted = None, NO_WISHES
        if isinstance(asked, Carry):
            path = path_of(asked, setting.paths)
            if path is None:
                return None
        if body is not None:
            wanted = read_wishes(body) if path is None else theirs(body)
        asking = self._asking(asked, wanted, self._named(asked, path), streamed=shape_of(asked) != "whole")
        plan = setting.selection.plan(asking)
        if not plan:
            return None
        if path is not None and body is not None and wanted is not NO_WISHES:
            asked.replace(as_theirs(body))
        request = self._request(asked, wanted, path, asking, plan)
        judge = None if path is None else functools.partial(self._led, exchange)
        return Watch(request, asked, self._rules, judge)

    async def _led(self, exchange: Exchange, operation: str, model: str, body: bytes) -> bytes:
        """Return a request out of a file that leads through as it goes on."""
        return await self.passed(exchange, operation, model, "", body)

    def talk(self, asked: Asked) -> Talk | None:
        """Return who judges what is said in a conversation; None where nobody does."""
        path = None
        if isinstance(asked, Tunnel):
            path = path_of(asked, self._setting.paths)
            if path is None:
                return None
        names = self._named(asked, path)
        asking = self._asking(asked, NO_WISHES, names, streamed=shape_of(asked) != "whole")
        plan = self._setting.selection.plan(asking)
        if not plan.judges:
            return None
        return Talk(self._request(asked, NO_WISHES, path, asking, plan), self._rules)

    async def passed(self, exchange: Exchange, operation: str, model: str, group: str, body: bytes) -> bytes:
        """Return a request out of many that `exchange` brought as it goes on, without what it says to the gateway.

        model, group: see Line. Raises what its client would get if it had come by itself, and MalformedJSON.
        """
        setting = self._setting
        line = line_of(exchange, body, operation, model, group)
        wanted = read_wishes(line.spans)
        asking = self._asking(line, wanted, setting.of_models.get(group, ()), streamed=line.streams)
        plan = setting.selection.plan(asking)
        if plan.judges:
            request = line.request(asking, plan, wanted, setting.parties)
            judging = Judging(self._rules.runner, request, self._rules.block_status)
            body = (await passed(judging, request, body)).body
        return body if wanted is NO_WISHES else as_theirs(scan(body))

    def earlier(self, exchange: Exchange, body: bytes = b"{}") -> Earlier:
        """Return who judges answers that were given before, for `exchange`, which reads them.

        body: what it says of guardrails. Raises InvalidRequest for what it asks for, and MalformedJSON.
        """
        setting = self._setting
        wanted = read_wishes(scan(body))

        def describe(operation: str, group: str) -> Request:
            line = line_of(exchange, body, operation, group, group)
            names = setting.of_models.get(setting.group_of(group), ())
            asking = self._asking(line, wanted, names, streamed=line.streams)
            return line.request(asking, setting.selection.plan(asking), wanted, setting.parties)

        by_model = bool(setting.of_models or setting.policies)
        return Earlier(exchange, describe, self._rules, by_model=by_model)

    def tool(self, exchange: Exchange, group: str, call: Mapping[str, Any]) -> ToolTrial | None:
        """Return who judges a call of a tool that is made for `exchange`; None where nobody does.

        group: as the ledger calls the tool; call: see tianji.guardrails.slots.tools. Raises as `passed` does.
        """
        setting, body = self._setting, msgspec.json.encode(call)
        line = line_of(exchange, body, "tool", group, "")
        wanted = read_wishes(scan(exchange.body)) if exchange.body.lstrip().startswith(b"{") else NO_WISHES
        asking = self._asking(line, wanted, (), streamed=False)
        plan = setting.selection.plan(asking)
        if not any(map(plan.meets, AROUND_TOOLS)):
            return None
        request = line.request(asking, plan, wanted, setting.parties)
        return ToolTrial(Judging(self._rules.runner, request, self._rules.block_status), request, body)

    async def apply(self, caller: Identity, trial: Trial) -> str:
        """Have one guardrail look at a text, and return what it leaves of it.

        Raises ObjectNotFound for a name that nobody has, and what a client would get.
        """
        members = self._setting.selection.named(trial.guardrail_name)
        if not members:
            raise ObjectNotFound(f"no guardrail is called {trial.guardrail_name}: ask GET /guardrails/list")
        return await applied(trial, members[0], caller, self._rules)

    def _request(self, asked: Asked, wanted: Wishes, path: Path | None, asking: Asking, plan: Plan) -> Request:
        return Request(
            asking=asking,
            plan=plan,
            turn=random.getrandbits(16),
            form=form_of(asked.operation.name) if path is None else path.form,
            errors=asked.operation.errors,
            spoken=asked.operation.name if path is None else path.operation,
            bound=path is not None or asked.operation.name in UNWATCHED,
            shape=shape_of(asked),
            model=asked.model,
            call_id=asked.call_id,
            wishes=wanted,
            about=about(asked, wanted, self._setting.parties),
            shows=path is None and asked.spans is not None and asked.spans.get(_SHOWS) == b"true",
        )

    def _named(self, asked: Asked, path: Path | None) -> tuple[str, ...]:
        """Return the guardrails that its model or its path asks for."""
        return self._setting.of_models.get(asked.group.name, ()) if path is None else path.names

    def _asking(self, asked: Known, wanted: Wishes, names: tuple[str, ...], *, streamed: bool) -> Asking:
        setting, identity, body = self._setting, asked.exchange.identity, asked.spans
        caller = identity if isinstance(identity, Identity) else None
        owner = NOBODY if caller is None else owned(caller.metadata, caller.team_metadata)
        tags = () if body is None else setting.parties.tags(asked, body)
        return Asking(
            names=wanted.names,
            owner=owner,
            model_names=names,
            tags=tags,
            streamed=streamed,
            applied=self._applied(asked, caller, owner, tags) if setting.policies else NOTHING,
        )

    def _applied(self, asked: Known, caller: Identity | None, owner: Owned, tags: tuple[str, ...]) -> Applied:
        subject = Subject(model=asked.model, tags=tags)
        if caller is not None:
            teams, keys = (caller.team_id, caller.team_alias), (caller.key_alias, caller.key)
            subject = replace(subject, teams=tuple(filter(None, teams)), keys=tuple(filter(None, keys)))
        return self._setting.policies.apply(subject, owner.policies)


def shape_of(asked: Asked) -> Shape:
    """Return the shape of the answer that a request asks for: Google's streams are arrays unless it says `alt=sse`."""
    if isinstance(asked, Carry):
        return paths.shape_of(asked)
    if not asked.stream:
        return "whole"
    return "array" if asked.operation.streamed and b"alt=sse" not in asked.exchange.query else "events"


def plan_after(setting: Setting, request: Request, deployment: str | None) -> Plan:
    """Return what an answer meets that a deployment gave: not what other deployments of its group ask for."""
    names = setting.of_deployments.get(deployment or "", ())
    if deployment is None or names == request.asking.model_names:
        return request.plan
    return setting.selection.plan(replace(request.asking, model_names=names))


def read_wishes(body: ObjectSpans) -> Wishes:
    """Return what a request says of guardrails. Raises InvalidRequest."""
    places = [raw for raw in _places(body) if raw is not None]
    settings = body.get(b"guardrail_config")
    return wishes(places, settings) if places or settings is not None else NO_WISHES


def theirs(body: ObjectSpans) -> Wishes:
    """Return what a request that leads through says of guardrails; what is not in our form is said to somebody else."""
    try:
        return read_wishes(body)
    except InvalidRequest:
        return NO_WISHES


def _places(body: ObjectSpans) -> Iterator[bytes | None]:
    yield body.get(_MEMBER)
    for name in _METADATA:
        try:
            nested = body.nested(name)
        except MalformedJSON:  # a name stands twice, and nobody reads it
            continue
        if nested is not None:
            yield nested.get(_MEMBER)
