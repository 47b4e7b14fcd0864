"""Cells: what entries that are alike sum up to, figure by figure."""

from tianji._core.journal.sheet cimport Alike, Measured, Sheet


cdef class Form:
    # How cells are laid out. Sheets are put into cells of one form.
    cdef readonly tuple bounds
    cdef readonly Py_ssize_t size  # figures
    cdef long long *ends           # of the buckets of all times, one after another
    cdef Py_ssize_t *starts        # where each time begins in a cell
    cdef object _cell(self, Alike alike, Measured *row, object found, tuple sizes, bint streams)
    cdef void _sum_up(self, Measured *row, bint well, bint served, bint caches, long long *figures) noexcept
    cdef void _time(self, Measured *row, bint served, long long *figures) noexcept
    cdef void _observe(self, long long *figures, int which, long long microseconds) noexcept
