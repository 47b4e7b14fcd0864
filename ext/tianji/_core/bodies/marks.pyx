"""What a JSON text may hold that has to be looked at: the texts of most requests hold none of it."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

cdef extern from "text_marks.h":
    enum:
        MARK_LINE
        MARK_64
        MARK_DATA
        MARK_WIDE
    int text_marks(const unsigned char *text, Py_ssize_t size) noexcept

LINE = MARK_LINE
BASE64 = MARK_64
DATA = MARK_DATA
WIDE = MARK_WIDE


def marks(bytes text not None):
    """Return the sum of what is in it: LINE, a line's end; BASE64, "64"; DATA, `a"`; WIDE, what is no ASCII."""
    return text_marks(<const unsigned char *>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
