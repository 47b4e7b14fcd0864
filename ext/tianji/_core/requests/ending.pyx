"""How every request ends, whoever serves it: once, with its books closed, and with nothing that points in a circle.

Functions, since a further base class would cost each request what it costs to make and to free one.
"""

from tianji._core.journal.entries cimport Entries
from tianji._core.requests.asked cimport Asked
from tianji._core.upstreams.headers cimport name_request

import logging

from tianji.errors import TianjiError

cdef object LOG = logging.getLogger("tianji.gateway")


cdef object errors_of(Asked request):
    """What says an error in the client's dialect."""
    return request.pipeline.failures if request.operation.errors is None else request.operation.errors


cdef int answer_error(Asked request, object error, list headers) except -1:
    """Answer with a TianjiError below these headers and its own."""
    cdef bytes body
    headers.extend(error.headers)
    request.error = error
    request.keep_books(error.status)
    body = errors_of(request).body(error, name_request(headers, request.call_id))
    request.exchange.respond(error.status, headers, body)
    return request.settle(error.status)


cdef object owned(Asked request, object error):
    """Return what reached a boundary as a TianjiError; what is none is told to the operator alone."""
    if isinstance(error, TianjiError):
        return error
    LOG.error("call %s failed inside the gateway", (request.call_id or b"-").decode(), exc_info=error)
    return TianjiError("Internal server error")


cdef bint finish_up(Asked request, int status) except -1:
    """Close the books and count the request; whether that was still to be done."""
    if request.over:
        return False
    request.over = True
    if request.pending is not None:
        request.pending.cancel()
    request.keep_books(status)
    if request.trace is not None and request.pipeline.entries is not None:
        (<Entries>request.pipeline.entries).ended(request, status)
    return True


cdef int let_go(Asked request) except -1:
    """Point at nothing any more that points back: what is left is freed without the garbage collector."""
    request.attempt = None
    request.admission = None
    request.pending = None
    request.exchange = None
    request.spans = request.asked = None
    return 0
