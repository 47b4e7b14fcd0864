"""What the ledger gets to know of requests: an entry for each attempt, kept before the answer's last byte goes out.

An entry is an array of msgpack, its members in the order of `tianji.ledger.entry.Entry`: they are written one behind
the other and copied into the journal, and no object is made for any of them. A request that was refused before any
attempt has one, too, without a cost; of a flood of refusals only some have, since a client gets them for nothing.
"""

import cython

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uintptr_t

from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.meter cimport Rates
from tianji._core.journal.packer cimport Packer
from tianji._core.routing.router cimport Deployment
from tianji._core.bodies.spans cimport ObjectSpans

import msgspec

cdef extern from "realtime.h":
    long long realtime_microseconds() noexcept nogil

cdef enum:
    MEMBERS = 44      # of an entry, up to how long the upstream took
    LEFT = 46         # up to what its provider says is left
    PROJECT = 47      # with its project
    AGENT = 48        # with its client
    SPEND = 49        # with what is noted of its spend
    ALL = 50          # with what the limit is of that it failed on
    AGENTS = 512      # that are remembered, at most
    CALLERS = 1024    # that are remembered, at most: a power of two
cdef double REFUSALS = 20   # entries of refused requests: so many a second, and at once
cdef int LONGEST_MESSAGE = 2000  # characters
cdef bytes NIL = b"\xc0"
cdef str SUCCESS = "success"
cdef str FAILURE = "failure"
cdef tuple WORDS = (b"x-litellm-", b"x-tianji-", b"litellm-")  # headers that may say something of it begin so
cdef object decoded = msgspec.msgpack.Decoder().decode


@cython.final
cdef class Caller:
    """What entries say of an identity. None: of nobody."""

    def __cinit__(self, identity, object words):
        cdef Packer packer = Packer()
        self.identity = identity
        if identity is None:
            self.names, self.agent = packer.pack(("", None, None, None, None))[1:], packer.pack(None)
            return
        self.names = packer.pack((
            identity.key, identity.key_alias, identity.user_id, identity.team_id, identity.organization_id))[1:]
        self.agent = packer.pack(identity.agent_id)
        self.project = None if identity.project_id is None else packer.pack(identity.project_id)
        self.noted = identity.noted
        self.owned = bool(identity.owner)
        self.words = words(identity)


@cython.final
cdef class Agent:
    """What entries say of a client program."""

    def __cinit__(self, str name not None, tuple tags not None):
        cdef Packer packer = Packer()
        self.name, self.tags = packer.pack(name), packer.pack(tags)


@cython.final
cdef class Entries:
    """Makes the entries of one worker; see entries.pxd for what it is given."""

    def __init__(self, *, object journal, object party, object agent, object words, object said, object confided,
                 dict call_types not None, Py_ssize_t large):
        self.journal = journal
        self.party = party
        self.agent = agent
        self.words = words
        self.said = said
        self.confided = confided
        self.call_types = call_types
        self.large = large
        self.packer = Packer()
        self.refusals = REFUSALS
        self.forget()

    def forget(self):
        """Know nothing of callers and clients, since the configuration is another one."""
        self.callers = [None] * CALLERS
        self.agents = {}

    cdef Caller caller(self, object identity):
        cdef Py_ssize_t at = (<uintptr_t><void*>identity >> 4) & (CALLERS - 1)
        cdef Caller known = self.callers[at]
        if known is None or known.identity is not identity:
            known = self.callers[at] = Caller(identity, self.words)
        return known

    cdef Agent agent_of(self, Exchange exchange):
        """Return what is known of the program that a client says it is; None where it says nothing."""
        cdef bytes said = exchange.agent()
        cdef Agent found
        if not said:
            return None
        found = self.agents.get(said)
        if found is None:
            if len(self.agents) >= AGENTS:
                self.agents.clear()
            found = self.agents[said] = Agent(*self.agent(said))
        return found

    cdef int meet(self, Asked asked) except -1:
        """Note whom a request is for. Called before its first attempt: of a stream nothing is there at the end."""
        cdef Caller caller = self.caller(asked.exchange.identity)
        if not self.prepared:
            self.prepared = True
            self.journal.prepare()
        if asked.steer is None and not caller.noted and not names_somebody(asked.asked):
            if not self.says:
                return 0
            if self.whole and not caller.words and is_plain(asked):
                asked.heard = asked.exchange.body
                return 0
        asked.party = self.party(asked)
        return 0

    cdef int attempted(self, Asked asked, Attempt attempt, int status) except -1:
        """Keep the entry of an attempt that was closed with `status`.

        Of a failure its error is kept; the document that the upstream sent may quote the credential it refused.
        """
        answer = (attempt.answer if status < 400 else None) or attempt.said
        return self._keep(asked, attempt, attempt.usage, answer, status, monotonic())

    cdef int refused(self, Asked asked, int status) except -1:
        """Keep the entry of a request that ends with `asked.error` and without an attempt."""
        cdef double now = monotonic()
        self.refusals = min(REFUSALS, self.refusals + (now - self.refilled_at) * REFUSALS)
        self.refilled_at = now
        if self.refusals < 1:
            return 0
        self.refusals -= 1
        self.meet(asked)
        return self._keep(asked, None, None, None, status, now)

    cdef int recalled(self, Asked asked, Usage usage, object answer) except -1:
        """Keep the entry of a request whose answer was there already. `usage`: what making it used, which is paid."""
        self.meet(asked)
        return self._keep(asked, None, usage, answer, 200, monotonic())

    cdef int ended(self, Asked asked, int status) except -1:
        """Keep the end of a request that has an entry and whose trace callbacks are told of; it is in no book."""
        if asked.entry_id is None or not asked.trace.records:
            return 0
        asked.trace.close(asked.exchange, status)
        return self._keep(asked, None, None, None, status, monotonic())

    cdef int _keep(
        self, Asked asked, Attempt attempt, Usage usage, object answer, int status, double now
    ) except -1:
        cdef Packer packer = self.packer
        cdef Caller caller = self.caller(asked.exchange.identity)
        cdef bint over = asked.trace is not None and asked.trace.end is not None
        cdef bint said = asked.heard is not None or (asked.party is not None and (self.says or caller.owned))
        cdef Agent agent = self.agent_of(asked.exchange)
        cdef str spend = None if asked.party is None else asked.party.spend
        cdef str limited = None
        cdef int members
        cdef tuple left = None
        if attempt is None and asked.error is not None:
            limited = getattr(asked.error, "limit_type", None)
        if attempt is not None and attempt.headers is not None:
            if self.reads_limits:
                left = left_of(attempt.headers)
            if self.used is not None:
                left = with_used(left, self.used(attempt.headers))
        packer.begin()
        members = (
            ALL if limited is not None else SPEND if spend is not None else AGENT if agent is not None
            else PROJECT if caller.project is not None else LEFT if left is not None else MEMBERS
        )
        packer.array(members)
        self._write_times(asked, attempt, status, now)
        self._write_names(asked, attempt, caller, agent)
        self._write_cost(asked, attempt, usage)
        self._write_end(asked, attempt, usage, status, over)
        if said:
            self._write_said(asked, answer, over)
        else:
            packer.nil()
        if asked.trace is not None and asked.trace.records:
            packer.value(asked.trace.told(0 if attempt is None else attempt.number))
        else:
            packer.nil()
        packer.integer(
            0 if attempt is None or attempt.number == 0 else microseconds(attempt.began - asked.began))
        packer.integer(
            0 if attempt is None or attempt.ended_at <= 0 or attempt.sent_at <= 0
            else microseconds(attempt.ended_at - attempt.sent_at))
        if members > MEMBERS:
            self._write_rare(members, left, caller, agent, spend, limited)
        if asked.guard is not None:
            asked.guard.note(decoded(packer.written()), self.journal.append)
        elif not said and packer.size() > self.large:
            self.journal.append(decoded(packer.written()))
        elif self.page is None or not self.page.put(packer.start, packer.size()):
            self.journal.keep(packer.written())
            self.page = self.journal.page
        return 0

    cdef int _write_times(self, Asked asked, Attempt attempt, int status, double now) except -1:
        """What it is called, when it was and what kind: up to the number of the attempt."""
        cdef Packer packer = self.packer
        cdef long long ended = realtime_microseconds()
        cdef int number = 0 if attempt is None else attempt.number
        cdef str name = asked.operation.name
        if asked.entry_id is None:
            asked.entry_id = asked.pipeline.new_call_id().decode() if asked.named else asked.exchange.call_id
        packer.text(asked.entry_id + "-0" if number == 0 else f"{asked.entry_id}-{number}")
        packer.text(asked.exchange.call_id)
        packer.integer(ended - microseconds(now - (asked.began if attempt is None else attempt.began)))
        packer.integer(ended)
        packer.text(FAILURE if status >= 300 else SUCCESS)
        packer.text(self.call_types.get(name, name))
        if attempt is not None and attempt.first_byte_at > 0:
            packer.integer(ended - microseconds(now - attempt.first_byte_at))
        else:
            packer.nil()
        packer.integer(number)
        return 0

    cdef int _write_names(self, Asked asked, Attempt attempt, Caller caller, Agent agent) except -1:
        """What served it, and whom it is for."""
        cdef Packer packer = self.packer
        cdef Deployment deployment = None if attempt is None else attempt.deployment
        party = asked.party
        packer.text("" if asked.group is None else asked.model)
        if deployment is None:
            for _ in range(4):
                packer.text("")
        else:
            packer.text(deployment.model if attempt.model is None else attempt.model)
            packer.text(deployment.provider)
            packer.text(deployment.id)
            packer.text(deployment.api_base)
        packer.raw(caller.names)
        packer.text(None if party is None else party.end_user)
        packer.raw(caller.agent)
        packer.text(None if party is None else party.session_id)
        packer.text(None if self.hides_peers or asked.exchange.peer is None else asked.exchange.peer[0])
        if party is not None:
            packer.value(party.tags)
        elif agent is not None:
            packer.raw(agent.tags)
        else:
            packer.array(0)
        return 0

    cdef int _write_cost(self, Asked asked, Attempt attempt, Usage usage) except -1:
        """What it used, what it cost, and what the cost comes of."""
        cdef Packer packer = self.packer
        cdef Rates rates = None
        packer.integer(0 if usage is None else max(0, usage.prompt_tokens))
        packer.integer(0 if usage is None else max(0, usage.completion_tokens))
        packer.integer(0 if usage is None else max(0, usage.cached_tokens))
        packer.integer(0 if usage is None else max(0, usage.written_tokens))
        packer.integer(0 if usage is None else max(0, usage.reasoning_tokens))
        packer.integer(0 if attempt is None else attempt.nano_dollars)
        if attempt is not None and attempt.rates is not None and attempt.billed_at:
            rates = attempt.rates._at(attempt.billed_at)
        if rates is None:
            packer.array(0)
            packer.nil()
            packer.text("")
            packer.flag(False)
            return 0
        rates._write_items(packer, usage, attempt.made(), attempt.tier)
        packer.value(rates.factor)
        packer.text(attempt.rates.catalogue)
        packer.flag(usage is not None and usage.reported >= 0 and rates.believes)
        return 0

    cdef int _write_end(self, Asked asked, Attempt attempt, Usage usage, int status, bint over) except -1:
        """How it went."""
        cdef Packer packer = self.packer
        cdef bint failed = status >= 300
        error = asked.error if attempt is None else attempt.error
        packer.flag(asked.stream)
        packer.flag(attempt is None and not failed and not over)  # it was there already
        packer.flag(usage is not None and usage.estimated)
        packer.flag(usage is not None and usage.suspect)
        packer.text(str(status) if failed else None)
        packer.text(named(error, asked.exchange.gone) if failed else None)
        packer.text(None if error is None else self.confided(asked, error.message)[:LONGEST_MESSAGE])
        return 0

    cdef int _write_said(self, Asked asked, object answer, bint over) except -1:
        """What was said: as it came, where nobody has a word on that; whoever reads it finds the messages in it."""
        cdef Packer packer = self.packer
        cdef bytes told
        if asked.heard is None:
            payload = self.said(asked.party.request, answer)
            packer.value((b"", b"", b"", *payload[3:]) if over else payload)  # its attempts have what was said
            return 0
        told = b"" if answer is None else b"".join(answer) if isinstance(answer, list) else answer
        packer.array(5)
        packer.binary(b"")
        packer.binary(b"" if over or PyBytes_GET_SIZE(told) > self.whole else told)
        packer.binary(b"" if over or PyBytes_GET_SIZE(asked.heard) > self.whole else asked.heard)
        packer.flag(False)
        packer.nil()
        return 0

    cdef int _write_rare(
        self, int members, tuple left, Caller caller, Agent agent, str spend, str limited
    ) except -1:
        """What many entries end before."""
        cdef Packer packer = self.packer
        packer.binary(b"")  # the runs of guardrails
        packer.value(left)
        if members >= PROJECT:
            packer.raw(NIL if caller.project is None else caller.project)
        if members >= AGENT:
            packer.raw(NIL if agent is None else agent.name)
        if members >= SPEND:
            packer.text(spend)
        if members >= ALL:
            packer.text(limited)
        return 0


cdef tuple left_of(list headers):
    """Return (requests, tokens) that are left, as an answer says: -1 where one is not said, None for neither."""
    cdef long long requests = -1, tokens = -1
    cdef bytes name
    for name, value in headers:
        if len(name) >= 28 and name.startswith(b"x-ratelimit-remaining-"):
            if name == b"x-ratelimit-remaining-requests":
                requests = number_of(value)
            elif name == b"x-ratelimit-remaining-tokens":
                tokens = number_of(value)
    return None if requests < 0 and tokens < 0 else (requests, tokens)


cdef tuple with_used(tuple left, int used):
    """Add how much of a limit is used, if that is said."""
    return left if used < 0 else (-1, -1, used) if left is None else (*left, used)


cdef long long number_of(bytes value) except -2:
    return <long long>int(value) if 0 < len(value) <= 15 and value.isdigit() else -1


cdef str named(object error, bint gone):
    if error is not None:
        return type(error).__name__
    return "ClientGone" if gone else "GivenUp"  # for another attempt that was quicker


cdef long long microseconds(double seconds) noexcept:
    return <long long>(seconds * 1e6)


cdef bint names_somebody(ObjectSpans body) except -1:
    return body is not None and (body.find(b"user") >= 0 or body.find(b"safety_identifier") >= 0)


cdef bint is_plain(Asked asked) except -1:
    """Whether a request has no word on who is told of it, or of what: `gateway.admission.telling` reads those."""
    cdef ObjectSpans body = asked.asked
    cdef bytes name
    cdef tuple pair
    if body is None or asked.spans is not body or body.source is not asked.exchange.body or asked.guard is not None:
        return False
    for pair in asked.exchange.noted:
        name = pair[0]
        if name.startswith(WORDS):
            return False
    return (
        body.find(b"metadata") < 0 and body.find(b"litellm_metadata") < 0 and body.find(b"no-log") < 0
        and body.find(b"turn_off_message_logging") < 0
    )
