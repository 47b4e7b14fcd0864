"""A request whose answer may come out of the cache, or go into it.

It is looked for after the request was let in, so limits count it, and before a deployment is chosen, so it takes no
slot. Where that is wished, requests that are the same and come while the first one is under way wait for its answer.
"""

import cython

from tianji._core.journal.entries cimport Entries
from tianji._core.caching.recall cimport Cache, Kind
from tianji._core.bodies.spans cimport replace_value

from time import time

from tianji.errors import ClientGone

cdef object wall = time
cdef int GONE = ClientGone.status
cdef tuple HIT = (b"x-tianji-cache-hit", b"true")
cdef tuple FREE = (b"x-litellm-response-cost", b"0.0")
cdef bytes SIMILARITY = b"x-tianji-semantic-similarity"
cdef bytes COMPATIBLE_SIMILARITY = b"x-litellm-semantic-similarity"


cdef class Cached(Answering):
    """A request under way, as far as the cache goes."""

    cdef bint recall(self) except -1:
        """Look for the answer in the cache; False where the request has to go on now."""
        cdef Cache cache = self.pipeline.cache
        cdef Lookup lookup = cache.begin(self)
        self.lookup = lookup
        if lookup is None:
            return False
        if lookup.kind.divide is not None:
            return self.find_parts()
        if not lookup.looks:
            return False
        if cache.memory is not None and self.recalled(cache.memory.find(lookup.key, wall())):
            return True
        return (cache.flights is not None and lookup.stores and self.board()) or self.ask_far([lookup.key])

    cdef bint recalled(self, Answer found) except -1:
        """Answer with what was found, if it will do; what cannot be read will not."""
        cdef bytes body
        if found is None or not self.lookup.takes(found, wall()):
            return False
        body = self.rendered(found)
        if body is None:
            return False
        self.lookup.answer = found  # for those who wait for this one
        self.lookup.cache.tally(True)
        self.answer_from(found, body)
        return True

    cdef bint find_parts(self) except -1:
        """The same for a request that is answered part by part."""
        cdef Lookup lookup = self.lookup
        cdef double now = wall()
        cdef Answer found
        lookup.division = lookup.kind.divide(lookup, self.spans)
        if not lookup.looks:
            return False
        if lookup.cache.memory is not None:
            for key in lookup.division.missing():
                found = lookup.cache.memory.find(key, now)
                if found is not None and lookup.takes(found, now):
                    lookup.division.found(key, found)
        if lookup.division.missing() and self.ask_far(lookup.division.missing()):
            return True
        return self.go_on_with_parts()

    cdef bint go_on_with_parts(self) except -1:
        """Answer if all parts were found, else ask for the others alone; whether it is answered."""
        cdef Answer whole = self.lookup.division.whole(self.lookup.model_json)
        if whole is not None:
            self.lookup.key = self.lookup.division.key
            return self.recalled(whole)
        rest = self.lookup.division.rest()
        if rest is not None:
            self.spans = ObjectSpans.scan(rest)
        self.lookup.cache.tally(False)
        return False

    cdef bint ask_far(self, list keys) except -1:
        """Ask what other workers and machines keep; whether the request waits for that."""
        far = self.lookup.cache.far
        if far is None or not far.ready:
            if self.lookup.division is None:
                self.lookup.cache.tally(False)
            return False
        self.pending = far.find(keys) if self.lookup.meaning is None else far.find_like(self.lookup)
        self.pending.add_done_callback(self.heard)
        return True

    def heard(self, future):
        """Go on with what was found far away; None in a place where nothing was, or not in time."""
        cdef Lookup lookup = self.lookup
        cdef Answer found
        if self.over:
            return
        self.pending = None
        try:
            for key, found in future.result():
                if found is not None and lookup.cache.memory is not None:
                    lookup.cache.memory.put(key, found)
                if lookup.division is None:
                    if self.recalled(found):
                        return
                elif found is not None and lookup.takes(found, wall()):
                    lookup.division.found(key, found)
            if lookup.division is None:
                lookup.cache.tally(False)
            elif self.go_on_with_parts():
                return
            self.seek()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    # -- answering ------------------------------------------------------------------------------------------------

    cdef int answer_from(self, Answer found, bytes body) except -1:
        """Answer with what was kept. It costs nothing. `body`: in the form that is asked for."""
        cdef Lookup lookup = self.lookup
        cdef bytes key, age
        cdef list headers = self.stream_headers(None) if self.stream else self.answer_headers(False)
        age = b"%d" % max(0, <long long>(wall() - found.stored_at))
        headers.extend((HIT, (b"age", age)))
        if not self.stream:  # a stream's cost is told at its end
            headers.append(FREE)
        if lookup.key is not None:
            key = lookup.key.encode("ascii", "replace")
            headers.append((b"x-tianji-cache-key", key))
            if self.table.compat:
                headers.append((b"x-litellm-cache-key", key))
        if lookup.similarity is not None:
            headers.append((SIMILARITY, b"%.4f" % <double>lookup.similarity))
            if self.table.compat:
                headers.append((COMPATIBLE_SIMILARITY, b"%.4f" % <double>lookup.similarity))
        if found.usage is not None:
            self.prompt_tokens, self.completion_tokens = found.usage.prompt_tokens, found.usage.completion_tokens
        if self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).recalled(self, found.usage, [body] if self.stream else body)
        self.leave()
        if self.stream:
            self.exchange.start(200, headers)
            self.exchange.finish(body)
        else:
            self.exchange.respond(200, headers, body)
        return self.settle(200)

    cdef bytes rendered(self, Answer found):
        """Return what was kept in the form that is asked for, and under the name; None where it cannot be read."""
        cdef Lookup lookup = self.lookup
        cdef bytes body = found.body
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        if (
            found.streamed == self.stream and found.model_json == lookup.model_json
            and (not found.streamed or found.shows_usage == lookup.shows_usage)
        ):
            return body
        if found.streamed:
            body = lookup.kind.codec.whole(body, found.usage)
            if body is None:
                return None
        if found.model_json != lookup.model_json:
            spans = ObjectSpans.scan(body)
            i = spans.find(b"model")
            if i >= 0:
                body = replace_value(spans, i, lookup.model_json)
        return lookup.kind.codec.events(body, lookup.shows_usage) if self.stream else body

    # -- keeping --------------------------------------------------------------------------------------------------

    cdef bytes completed(self, Attempt attempt, bytes body):
        """An answer with the parts that were not asked for; those of the answer itself are kept."""
        cdef Lookup lookup = self.lookup
        if lookup.division is None or attempt.status != 200:
            return body
        return lookup.division.completed(body, attempt.usage, lookup.stores and self.group is lookup.group)

    cdef int keep_whole(self, Attempt attempt, bytes body) except -1:
        """Keep a whole answer that says something."""
        cdef Kind kind = self.lookup.kind
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        if self.lookup.division is not None or not self.lookup.stores or attempt.status != 200:
            return 0
        spans = ObjectSpans.scan(body)
        i = spans.find(kind.content)
        if i >= 0 and spans.kind(i) in (c"a", c"s") and len(spans.raw(i).strip(b'[]" \t\r\n')):
            self.keep(attempt, body, False)
        return 0

    cdef int keep_stream(self, Attempt attempt, bytes rest) except -1:
        """Keep a stream that came to its end and said something."""
        cdef Lookup lookup = self.lookup
        lookup.collect(rest)
        if lookup.stores and attempt.sse.spoke:
            self.keep(attempt, b"".join(lookup.events), True)
        lookup.events = None
        return 0

    cdef int keep(self, Attempt attempt, bytes body, bint streamed) except -1:
        cdef Lookup lookup = self.lookup
        cdef Cache cache = lookup.cache
        cdef double now = wall()
        if self.group is not lookup.group or len(body) > cache.largest:
            return 0  # what another group has answered is asked for again
        lookup.answer = Answer(
            body, lookup.model_json, streamed=streamed, shows_usage=lookup.shows_usage, stored_at=now,
            expires=now + lookup.ttl if lookup.ttl > 0 else 0, usage=attempt.usage)
        if cache.memory is not None:
            cache.memory.put(lookup.key, lookup.answer)
        if lookup.meaning is not None:
            cache.far.keep_like(lookup, lookup.answer)
        elif cache.far is not None:
            cache.far.keep(lookup.key, lookup.answer)
        return 0

    cdef int keep_no_more(self) except -1:
        """Keep nothing of what is coming: it is not one answer."""
        if self.lookup is not None:
            self.lookup.stores = False
            self.lookup.events = None
        return 0

    # -- waiting for another one ----------------------------------------------------------------------------------

    cdef bint board(self) except -1:
        """Wait for the same request that is under way; False for the first one, which the others wait for."""
        cdef Lookup lookup = self.lookup
        cdef Flight flight = lookup.cache.flights.get(lookup.key)
        cdef Seat seat
        if flight is None:
            flight = Flight.__new__(Flight)
            flight.key, flight.flights, flight.seats = lookup.key, lookup.cache.flights, []
            flight.flights[lookup.key] = lookup.flight = flight
            return False
        seat = Seat.__new__(Seat)
        seat.flight, seat.request = flight, self
        flight.seats.append(seat)
        self.pending = seat
        return True

    def landed(self, Answer answer):
        """Go on with the answer that was waited for; None: there is none that could be shared."""
        if self.over:
            return
        self.pending = None
        try:
            if not self.recalled(answer):
                self.seek()
        except Exception as error:  # boundary: whom this one waited for
            self.crash(error)

    def lead(self, Flight flight not None):
        """Go on as the first one: the one before has left."""
        self.pending = None
        self.lookup.flight = flight
        try:
            self.seek()
        except Exception as error:  # boundary: whom this one waited for
            self.crash(error)

    cdef int settle(self, int status) except -1:
        cdef Lookup lookup = self.lookup
        self.lookup = None
        Answering.settle(self, status)
        if lookup is not None and lookup.flight is not None:
            (<Flight>lookup.flight).land(lookup.answer, status == GONE)
        return 0


@cython.final
cdef class Flight:
    """A call that several requests wait for."""

    cdef int land(self, Answer answer, bint abandoned) except -1:
        """It is over; `abandoned`: whoever made it has left, so that another one has to."""
        cdef Seat seat
        cdef list seats = self.seats
        if abandoned and answer is None and seats:
            seat = seats.pop(0)
            seat.request.lead(self)
            return 0
        self.seats = []
        del self.flights[self.key]
        for seat in seats:
            seat.request.landed(answer)
        return 0


@cython.final
cdef class Seat:
    """The place of one who waits."""

    def cancel(self):
        """Wait no longer."""
        if self in self.flight.seats:
            self.flight.seats.remove(self)
