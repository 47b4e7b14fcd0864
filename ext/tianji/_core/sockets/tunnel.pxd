"""A conversation with an upstream that goes through as it is."""

from tianji._core.requests.carriage cimport Carriage
from tianji._core.requests.lane cimport Lane, Way
from tianji._core.journal.meter cimport Measures, Rates
from tianji._core.requests.session cimport Session


cdef class Tunnel(Session):
    cdef readonly Way way
    cdef readonly Lane lane
    cdef Carriage carriage
    cdef bytes raw                    # the path as it was sent
    cdef str asked_model              # that its query names; ""
    cdef Rates rates                  # of the model that is known to be talked with; None: nobody knows
    cdef public Measures measures     # what the whole conversation comes to, where that is how it is paid for; or None

    cdef int meet(self, str model) except -1
