"""What answers the paths that lead one way: by a request that goes on, or by a conversation."""

import cython

from tianji._core.requests.carry cimport Carry
from tianji._core.edges.exchange cimport Exchange
from tianji._core.requests.lane cimport Way
from tianji._core.requests.pipeline cimport Operation, Pipeline


@cython.final
cdef class Carriage(Handler):
    """The handler. `make` is called for the Way by the first request that comes.

    upgrade: called with the carriage, a request for a WebSocket and its match; None where there are none
    """

    def __init__(
        self, Pipeline pipeline not None, Operation operation not None, object make not None, object upgrade=None
    ):
        self.pipeline = pipeline
        self.operation = operation
        self.make = make
        self.upgrade = upgrade

    cdef Way lead(self):
        """The way that its paths lead. Raises what is wrong with the configuration."""
        if self.way is None:
            self.way = self.make()
        return self.way

    cdef int handle(self, Exchange exchange, object match) except -1:
        cdef Carry carry
        if exchange.method == "GET" and self.upgrade is not None and getattr(exchange, "upgrades", False):
            self.upgrade(self, exchange, match)
            return 0
        carry = Carry.__new__(Carry)
        try:
            if carry.arrive(self.pipeline, self.operation, exchange):
                carry.set_out(self.lead(), match.raw)
        except Exception as error:  # boundary: the way in
            carry.crash(error)
        return 0
