"""One request under way that goes another way than as the bytes that the client sent."""


cdef class Passing:
    """Base of what passages begin: it holds the request that goes out, and says how its answer is told."""

    cdef bytes recall(self, bytes body):
        """What the client is told of a whole answer that nobody has looked at yet; None where it has to be read."""
        return None

    cpdef AnswerStream stream(self, bytes content_type):
        """What reads a streamed answer of this type; None where the type says that it is none."""
        return None

    cpdef tuple answer(self, bytes body):
        """A whole answer as the client is to get it, and what it says of usage, where that is not in it."""
        raise NotImplementedError
