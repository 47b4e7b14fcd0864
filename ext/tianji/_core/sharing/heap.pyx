"""The C library's heap, where bodies of requests and answers live.

Left to itself, glibc gives a freed body at the end of its heap back to the system, so that the next one pays for fresh
pages, and keeps what is freed in the middle for ever. Here it is the other way round: freed memory stays for the next
request, and `trim` gives it back when there are few. Of glibc only; elsewhere both functions do nothing.
"""

cdef extern from "heap.h" nogil:
    void heap_settle(int apart, int kept)
    void heap_trim()

cdef enum:
    APART = 4 * 1024 * 1024   # bytes; a larger block goes back when it is freed, though the next one pays for pages
    KEPT = 64 * 1024 * 1024   # bytes that may stay free at the heap's end


def settle():
    """Choose how this process keeps freed memory. To be called before it has threads or load."""
    heap_settle(APART, KEPT)


def trim():
    """Give the pages that hold nothing back to the system. Takes milliseconds for hundreds of MiB."""
    with nogil:
        heap_trim()
