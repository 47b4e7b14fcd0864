"""A handler of requests in whose body names are to be replaced first."""

import cython

from tianji._core.edges.exchange cimport Exchange, Handler
from tianji._core.requests.shaping cimport holds


@cython.final
cdef class Given(Handler):
    """Hands requests to `handler`; before, to `replace` where the body holds `mark`, as it does with such a name.

    replace: takes an exchange and its match, puts another body into it, and tells whether to go on; it has answered
    where not. Raises nothing
    """

    def __init__(self, Handler handler not None, bytes mark not None, object replace not None):
        self.handler = handler
        self.mark = mark
        self.replace = replace

    cdef int handle(self, Exchange exchange, object match) except -1:
        if holds(exchange.body, self.mark) and not self.replace(exchange, match):
            return 0
        return self.handler.handle(exchange, match)
