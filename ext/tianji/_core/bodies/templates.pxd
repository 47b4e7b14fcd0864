"""What is made of a JSON text, with holes."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "frame_scan.h":
    enum:
        FRAME_MOST
        FRAME_ID
        FRAME_DATE
        FRAME_PADDING

    ctypedef struct frame_hole:
        Py_ssize_t start
        Py_ssize_t end
        long long number

    ctypedef struct frame_holes:
        frame_hole *items
        Py_ssize_t count
        int numbers

    ctypedef struct frame_name:
        const char *text
        Py_ssize_t size

    ctypedef struct frame_form:
        frame_name turns
        frame_name content
        frame_name[2] alone
        int alone_turns

    void frame_init(frame_holes *holes) noexcept
    void frame_free(frame_holes *holes) noexcept
    bint frame_request(frame_holes *holes, const uint8_t *s, Py_ssize_t size, const frame_form *form) noexcept
    bint frame_answer(
        frame_holes *holes, const uint8_t *s, Py_ssize_t size, const frame_name *texts, int many
    ) noexcept
    uint64_t frame_digest(uint64_t h, const uint8_t *p, Py_ssize_t size) noexcept


cdef struct frame_piece:
    const char *text              # stands before what is put in
    Py_ssize_t size
    Py_ssize_t hole               # whose text is put in; -2: the name; -1: none, but a number if there are terms
    Py_ssize_t terms              # how many of the template's belong to this one


cdef struct frame_term:
    Py_ssize_t hole
    long long times


cdef class Template:
    # Something that was made of a body, with holes.
    cdef readonly tuple pieces
    cdef frame_piece *parts
    cdef frame_term *terms
    cdef Py_ssize_t count
    cdef Py_ssize_t fixed         # bytes at most without the texts
    cdef Py_ssize_t highest       # number of a hole


cdef class Holed:
    cdef frame_holes holes
    cdef const char *text         # in which they are
    cdef Py_ssize_t size          # bytes of it

    cpdef bytes fill(self, Template output, long long now, bytes name=*)
    cdef Py_ssize_t room(self, Template output, bytes name) except -1
    cdef char *write(self, Template output, long long now, bytes name, char *at) noexcept
    cdef long long total(self, const frame_term *term, Py_ssize_t terms, long long now) noexcept
    cdef list pieces(self, Py_ssize_t at, Py_ssize_t end, bint counted)
    cdef bint figures(self, Template output, long long now, long long *found, long long most) noexcept
