"""What an answer that goes through as it is says that it used, read on the way.

Whatever cannot be read is handed on all the same: nothing here fails a request.
"""

import cython
from libc.limits cimport LLONG_MAX

from tianji._core.limits.admission cimport Admission
from tianji._core.requests.attempt cimport Attempt
from tianji._core.journal.meter cimport Measures, estimate
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport Usage, read_usage

from tianji.errors import MalformedJSON, UpstreamProtocolError

cdef object MalformedJSON_ = MalformedJSON
cdef object UpstreamProtocolError_ = UpstreamProtocolError
cdef enum:
    BYTES_A_TOKEN = 4
    METERED = 16            # events of a stream between two looks at its budget
    KEPT = 4 * 1024 * 1024  # bytes of an answer that is kept to be read at its end


@cython.final
cdef class Tally:
    """Reads one answer: whole() for one that is held; begin(), take(), end() for one that comes in pieces."""

    cdef int begin(self, bytes kind) except -1:
        """Expect a body of this type, piece by piece."""
        cdef Attempt attempt = self.attempt
        attempt.sse = None if self.form is None else self.form.stream(kind)
        if attempt.sse is None and kind.startswith(b"application/json"):
            self.kept = []
        return 0

    cdef int take(self, bytes piece) except -1:
        """Read a piece."""
        cdef Attempt attempt = self.attempt
        if attempt.sse is not None:
            try:
                attempt.sse.feed(piece)
            except UpstreamProtocolError_ as fault:
                attempt.error = fault
        elif self.kept is not None:
            self.kept_bytes += len(piece)
            self.kept.append(piece)
            if self.kept_bytes > KEPT:
                self.kept = None
        return 0

    cdef bint covered(self, Admission admission) except -1:
        """Whether what is reserved pays for the stream so far; more is reserved where there is more."""
        cdef Attempt attempt = self.attempt
        cdef long long covered, spent
        if attempt.sse is None or attempt.sse.events < self.metered_at:
            return True
        covered = admission.covered()
        if covered < 0 or attempt.rates is None:
            self.metered_at = LLONG_MAX
            return True
        self.metered_at = attempt.sse.events + METERED
        spent = estimate(attempt.rates, attempt.asked_bytes // BYTES_A_TOKEN, attempt.sse.events, None, attempt.tier)
        return spent <= covered or admission.extend(max(covered, spent - covered))

    cdef int end(self) except -1:
        """The last piece was there."""
        if self.attempt.sse is not None:
            self.attempt.sse.close()
        elif self.kept is not None:
            self.whole(b"".join(self.kept))
            self.kept = None
        return 0

    cdef int whole(self, bytes body) except -1:
        """Note what a whole answer says that it used; where it should and does not, what it seems to have used."""
        cdef Usage found = None
        if self.form is not None and self.form.whole is not None:
            said = self.form.whole(body, self.attempt.headers)
            if isinstance(said, Measures):
                self.attempt.measures = said
            else:
                found = <Usage?>said if said is not None else None
        elif body.lstrip()[:1] == b"{":
            try:
                found = read_usage(ObjectSpans.scan(body))
            except MalformedJSON_:
                pass
        self.attempt._note_usage(found)
        if self.form is not None or self.attempt.measures is not None:
            self.attempt.estimate(len(body))
        return 0
