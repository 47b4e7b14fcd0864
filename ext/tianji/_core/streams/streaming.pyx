"""How a streamed answer goes to the client: from its first content to its end, as far as its caller can pay.

Until the first content goes out another deployment can still be asked; with `stream_recovery` even later.
"""

from libc.limits cimport LLONG_MAX

from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.meter cimport dollars, estimate
from tianji._core.requests.ending cimport errors_of

cdef enum:
    BYTES_A_TOKEN = 4
    METERED = 16  # events of a stream between two looks at its budget
cdef double LONGEST_HOLD = 5.0             # seconds that the beginning of a stream may be kept from the client


cdef class Streaming(Cached):
    """A request under way, as far as its answer is a stream."""

    cdef int proceed(self) except -1:
        """Take the steps of the course until one has to be waited for."""
        raise NotImplementedError

    cdef int stream_piece(self, Attempt attempt, bytes out) except -1:
        if not self.flowing:
            if attempt.held is not None:
                out = attempt.held + out
            if not self.shows(attempt):
                attempt.held = out
                return 0
            out = self.start_stream(attempt, out)
        if self.sent is not None:
            self.sent.append(out)
        if attempt.said is not None:
            attempt.said.append(out)
        if self.lookup is not None:
            self.lookup.collect(out)
        self.exchange.write(self.costed(attempt, out))
        if self.admission is not None and attempt.sse.events >= self.metered_at and not self.covers(attempt):
            return self.end_spent(attempt)
        return 0

    cdef bint shows(self, Attempt attempt) noexcept:
        """Whether a stream's events so far are for the client: once it has seen some, nobody else can be asked.

        Comments that keep a connection alive are passed on all the same when the content takes its time.
        """
        return attempt.sse.spoke or monotonic() - attempt.sent_at > LONGEST_HOLD

    cdef bytes start_stream(self, Attempt attempt, bytes out):
        """Let the client see the attempt's events, which begin with `out`; what of them he is to get."""
        self.win(attempt)
        self.flowing = True
        self.tells_cost = self.table.tells_cost or self.steer is not None and self.steer.tells_cost
        attempt.held = None
        if self.exchange.status:
            self.exchange.write(self.course.seam())
            return self.pipeline.courses.from_content(out)  # it goes on where another one was cut
        self.exchange.start(200, self.stream_headers(attempt.sse))
        if self.table.recovers and self.operation.name == "chat":
            self.sent = []
        else:
            self.spans = self.asked = None  # no other deployment can be asked from here on, and streams last
            self.exchange.body, self.exchange.spool, self.exchange.form = b"", None, None
        return out

    cdef bytes costed(self, Attempt attempt, bytes out):
        """The events, with what it cost so far beside the usage in them, where the client is to know."""
        if not self.tells_cost or attempt.sse.usage is None or attempt.rates is None:
            return out
        return self.pipeline.courses.costed(out, dollars(attempt.costs(attempt.sse.usage)))

    cdef int stream_whole(self, Attempt attempt, bytes out) except -1:
        if not self.flowing:
            if attempt.held is not None:
                out = attempt.held + out
            out = self.start_stream(attempt, out)
        if attempt.said is not None:
            attempt.said.append(out)
        self.keep_books(200)
        self.exchange.finish(self.costed(attempt, out))
        if self.lookup is not None:
            self.keep_stream(attempt, out)
        return self.settle(200)

    cdef int stream_cut(self, object error) except -1:
        """The stream broke: let another deployment go on, or tell the client with an error event and no [DONE]."""
        cdef double now = monotonic()
        self.give_up(self.attempt, error)
        self.keep_no_more()
        if self.course is None:
            self.course = self.pipeline.courses.begin(self)
        self.course.failed(error, None, now)
        if self.sent is not None and self.course.go_on_from(self.sent):
            self.flowing = False
            return self.proceed()
        return self.end_cut(error)

    cdef int end_cut(self, object error) except -1:
        cdef bytes told = None
        self.error = error
        self.keep_books(error.status)
        if self.attempt is not None and self.attempt.sse is not None:
            if self.attempt.sse.opaque:
                self.exchange.abort()
                return self.settle(error.status)
            told = self.attempt.sse.cut(error)
        self.exchange.write(errors_of(self).event(error) if told is None else told)
        self.exchange.finish()
        return self.settle(error.status)

    cdef bint covers(self, Attempt attempt) except -1:
        """Whether what is reserved pays for the stream so far; more is reserved where there is more."""
        cdef long long covered = self.admission.covered(), spent
        if covered < 0 or attempt.rates is None:
            self.metered_at = LLONG_MAX
            return True
        self.metered_at = attempt.sse.events + METERED
        spent = estimate(
            attempt.rates, attempt.asked_bytes // BYTES_A_TOKEN, attempt.sse.events, attempt.measures, attempt.tier)
        return spent <= covered or self.admission.extend(max(covered, spent - covered))

    cdef int end_spent(self, Attempt attempt) except -1:
        """End a stream whose caller has spent all of a budget: what came is paid for."""
        cdef str name = self.operation.name
        cdef bytes told = attempt.sse.shortened("budget_exceeded" if name == "chat" else "length")
        self.keep_books(200)
        if told is None:
            told = self.pipeline.canned.last_words(name, self.model, self.call_id.decode())
        self.exchange.finish(told)
        return self.settle(200)
