"""Calls that may wait, so that a thousand which come at once do not hold up the loop."""


cdef class Spread:
    cdef object loop
    cdef object calls                # a deque
    cdef bint due                    # the loop knows

    cpdef add(self, call)
