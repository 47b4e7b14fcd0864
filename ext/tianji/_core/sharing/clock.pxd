"""The one clock of the compiled modules: seconds of CLOCK_MONOTONIC, as time.monotonic() and the loop have them."""

cdef extern from "monotonic.h":
    double monotonic "monotonic_seconds" () noexcept nogil
