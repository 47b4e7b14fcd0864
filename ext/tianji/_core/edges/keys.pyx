"""The quick way in: a known key in the usual place. Every other request is judged by `auth.gate`, in Python."""

import cython
from hashlib import sha256
from os import urandom
from time import time

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp

from tianji._core.edges.exchange cimport Exchange
from tianji._core.upstreams.fields cimport PLAIN
from tianji._core.sharing.revision cimport Revisions

cdef extern from "siphash.h":
    void siphash128(const unsigned char* key, const void* text, size_t size, unsigned char* digest) noexcept nogil

cdef extern from "Python.h":
    bint PyCoro_CheckExact(object) noexcept

cdef object now = time
cdef double NEVER = float("inf")
cdef int MANY = 65536  # credentials; beyond, all are forgotten and learned again
cdef int MANY_ROUTES = 1024  # that strangers called; paths with parameters are chosen by clients

# every header that may hold a key; two of them in one request are a case for the gate, which knows their order
cdef frozenset KEY_HEADERS = frozenset((
    b"authorization", b"x-litellm-api-key", b"x-tianji-api-key", b"api-key", b"x-api-key", b"x-goog-api-key",
    b"ocp-apim-subscription-key",
))
# what else a browser's key may stand in, where there is none of them: the gate looks there
cdef frozenset PLACES = frozenset((b"cookie", b"sec-websocket-protocol"))


cpdef bytes keyed_digest(bytes secret, bytes text):
    """SipHash-2-4-128 of `text` under `secret`, 16 bytes. Raises ValueError for a secret of another length."""
    cdef bytes digest
    if secret is None or text is None or len(secret) != 16:
        raise ValueError("the secret has 16 bytes")
    digest = PyBytes_FromStringAndSize(NULL, 16)
    siphash128(
        <const unsigned char*>PyBytes_AS_STRING(secret), PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text),
        <unsigned char*>PyBytes_AS_STRING(digest))
    return digest


@cython.final
cdef class Known:
    """A caller, with what is asked of him at each request."""

    def __cinit__(self, identity not None):
        self.identity = identity
        self.master = identity.master
        self.confined = bool(identity.allowed_routes)
        self.expires = NEVER if identity.expires is None else identity.expires


@cython.final
cdef class KeyRing:
    """Callers by the SHA-256 of their keys.

    A key that is not on the ring says nothing about the caller: `gate(exchange, match)` decides, as it does wherever
    the key does not stand alone in `authorization: Bearer`. Finding a digest in a dictionary takes a time that depends
    on the digest only, which nobody can steer towards that of a key he does not have.

    Whose credential was found once is found by a quicker digest from then on; its key is this ring's own and random,
    and the credential itself is kept nowhere.

    Who sends no key at all is judged by the gate once a route: it lets in, or refuses, all of them alike.

    `guarded`: the gate judges every request, since the configuration looks at more than the key.

    `anyone`: who may call the routes that are for any key, whatever he sends, since there is no key to be known. Only
    what begins with `sign` is then for the gate: it stands for somebody. None where keys are looked at.

    With `revisions`, `forget(tags)` is called before a caller is looked up whenever something changed since; it takes
    out of `identities` what depends on those tags, or all that may depend on anything when it gets None.
    """

    def __init__(self, dict identities not None, object gate, str key_header=None, Revisions revisions=None,
                 object forget=None, bint guarded=False, object anyone=None, bytes sign not None=b""):
        if revisions is not None and forget is None:
            raise ValueError("who is told of changes has to say what to forget")
        self.identities = identities
        self.revisions = revisions
        self.forget = forget
        self.read = 0 if revisions is None else revisions._head()
        self.seen = {}
        self.strangers = {}
        self.anyone = anyone
        self.sign = sign
        self.secret = urandom(16)
        self.gate = gate
        self.key_header = None if key_header is None else key_header.lower().encode()
        self.guarded = guarded or self.key_header in PLAIN  # which an exchange does not note

    def adopt(self, KeyRing other not None):
        """Know from now on what `other` knows; for a reload, since an edge keeps the ring it was given."""
        self.identities = other.identities
        self.seen = {}
        self.strangers = {}
        self.anyone = other.anyone
        self.sign = other.sign
        self.gate = other.gate
        self.key_header = other.key_header
        self.guarded = other.guarded
        self.revisions = other.revisions
        self.forget = other.forget
        self.read = other.read

    def __call__(self, Exchange exchange not None, object match):
        """Return the caller's identity. Raises what the gate raises."""
        return self.identify(exchange, match)

    def heed(self):
        """Forget now, and not with the next request, what depends on what changed since."""
        if self.revisions is not None and self.revisions._head() != self.read:
            self.catch_up()

    cdef object identify(self, Exchange exchange, object match):
        cdef tuple pair
        cdef bytes name
        cdef bytes value = None
        cdef bint elsewhere = False
        cdef Known known
        if self.revisions is not None and self.revisions._head() != self.read:
            self.catch_up()
        if self.guarded:
            return self.gate(exchange, match)
        for pair in exchange.noted:
            name = pair[0]
            if name in KEY_HEADERS or name == self.key_header:
                if value is not None or (name != b"authorization" and self.anyone is None):
                    return self.gate(exchange, match)
                value = pair[1]
            elif name in PLACES:
                elsewhere = True
        if value is None:
            return self.gate(exchange, match) if elsewhere or exchange.query else self.stranger(exchange, match)
        if self.anyone is not None:
            return self.anyone if match.any_key and not holds(value, self.sign) else self.gate(exchange, match)
        known = self.recognize(value)
        if known is None or known.confined or not (match.any_key or known.master):
            return self.gate(exchange, match)
        if known.expires < NEVER and known.expires <= now():
            return self.gate(exchange, match)
        return known.identity

    cdef object stranger(self, Exchange exchange, object match):
        # Whom the gate sees in a request without a key, where it takes nobody for him; it raises what it raises.
        identity = self.strangers.get(match)
        if identity is None:
            identity = self.gate(exchange, match)
            if match.route.key_of is None and not PyCoro_CheckExact(identity):
                if len(self.strangers) >= MANY_ROUTES:
                    self.strangers = {}
                self.strangers[match] = identity
        return identity

    cdef int catch_up(self) except -1:
        cdef tuple found = self.revisions.since(self.read)
        self.seen = {}
        self.strangers = {}
        self.forget(found[1])
        self.read = found[0]
        return 0

    cdef Known recognize(self, bytes value):
        # Who is behind an authorization header, or None.
        cdef bytes digest = keyed_digest(self.secret, value)
        cdef Known known = self.seen.get(digest)
        if known is not None or not value.startswith(b"Bearer "):
            return known
        identity = self.identities.get(sha256(value[7:].strip()).digest())
        if identity is not None:
            if len(self.seen) >= MANY:
                self.seen = {}
            known = self.seen[digest] = Known(identity)
        return known


cdef bint holds(bytes value, bytes sign) noexcept:
    # whether a key that begins with `sign` may stand there, behind a scheme or alone
    cdef Py_ssize_t i, size = PyBytes_GET_SIZE(sign)
    cdef const char* at = PyBytes_AS_STRING(value)
    for i in range(PyBytes_GET_SIZE(value) - size + 1):
        if memcmp(at + i, PyBytes_AS_STRING(sign), <size_t>size) == 0:
            return True
    return False
