"""One request under way that goes another way than as the bytes that the client sent."""

from tianji._core.journal.meter cimport Measures, Rates
from tianji._core.streams.stream cimport AnswerStream
from tianji._core.streams.usage cimport Usage


cdef class Passing:
    cdef public object request        # what goes out: bytes, a list of them, or a Parcel
    cdef public Measures measures     # what is made besides tokens; None: nothing that costs
    cdef public Rates rates           # what that costs; None: what it usually does
    cdef public bint filtered         # a content filter cut the answer
    cdef public bint takes_lists      # the upstream may answer with a JSON list
    cdef public bint names_model      # answers that say what they used name the model as the client knows it
    cdef public object waits          # what has to end before it is begun once more, instead of being sent; or None
    cdef public object lost           # tells whether an error says that what the upstream kept is gone; or None
    cdef Usage used                   # what the answer says of usage, where it was told from memory

    cdef bytes recall(self, bytes body)
    cpdef AnswerStream stream(self, bytes content_type)
    cpdef tuple answer(self, bytes body)
