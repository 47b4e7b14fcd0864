"""Who of those that are left serves, by their shares: by lot, or always the same one for the same key.

Nothing here is for Python; Selection calls it.
"""

from libc.math cimport INFINITY
from libc.stdint cimport uint64_t

from tianji._core.routing.candidate cimport AFFINITY, KEPT, SHARES
from tianji._core.routing.health cimport health_weight

cdef extern from "rendezvous.h":
    double rendezvous_score(uint64_t key, uint64_t node, double share) noexcept


cdef double share_out(const competition *these, const double *weights, int kept) noexcept:
    """Write the shares of the `kept` that are left as their scores, above 0 for one at least; their sum.

    `weights` if they say anything, else weights that were set while serving, else the first configured kind of share
    that any of them has, else equal ones. Who is not left has a score of 0.
    """
    cdef double total = 0
    cdef int i, kind
    if weights != NULL:
        total = copied(these, weights)
    if total <= 0 and these.weighs[0]:
        total = weights_set(these)
    for kind in range(SHARES):
        if total > 0:
            return total
        if these.shares[kind] != NULL:
            total = copied(these, these.shares[kind])
    if total <= 0:
        for i in range(these.count):
            these.scores[i] = these.reasons[i] == KEPT
        total = summed(these)
    return total


cdef double copied(const competition *these, const double *shares) noexcept:
    """Write down these shares; their sum."""
    cdef int i
    for i in range(these.count):
        these.scores[i] = shares[i] if these.reasons[i] == KEPT else 0
    return summed(these)


cdef double weights_set(const competition *these) noexcept:
    """Write down weights if that of any that is left was set; their sum, or 0."""
    cdef const candidate *candidates = these.candidates
    cdef double weight
    cdef bint found = False
    cdef int i
    for i in range(these.count):
        weight = health_weight(candidates[i].now)
        found |= weight >= 0 and these.reasons[i] == KEPT
        if weight < 0:
            weight = candidates[i].shares[0]
        these.scores[i] = weight if these.reasons[i] == KEPT else 0
    return summed(these) if found else 0


cdef double summed(const competition *these) noexcept:
    """Add up the scores, block by block."""
    cdef double total = 0, each
    cdef int block, i
    for block in range((these.count + BLOCK - 1) // BLOCK):
        each = 0
        for i in range(block * BLOCK, min((block + 1) * BLOCK, these.count)):
            each += these.scores[i]
        these.sums[block] = each
        total += each
    return total


cdef int drawn(const competition *these, double total, double roll) noexcept:
    """The one that `roll`, from 0 to 1, falls on."""
    cdef double share, mark = roll * total
    cdef int block, i, found = -1
    for block in range((these.count + BLOCK - 1) // BLOCK):
        if these.sums[block] > 0:
            found = block
            if mark < these.sums[block]:
                break
            mark -= these.sums[block]
    block, found = found, -1
    for i in range(block * BLOCK, min((block + 1) * BLOCK, these.count)):
        share = these.scores[i]
        if share > 0:
            found = i
            if mark < share:
                break
            mark -= share
    return found


cdef int nearest(const competition *these, uint64_t affinity) noexcept:
    """The one that this affinity belongs to; of many affinities each has its share. It alone is left."""
    cdef double score, lowest = INFINITY
    cdef int i, found = -1
    for i in range(these.count):
        if these.reasons[i] == KEPT:
            these.reasons[i] = AFFINITY
        if these.scores[i] > 0:
            score = rendezvous_score(affinity, these.candidates[i].mark, these.scores[i])
            if score < lowest:
                found, lowest = i, score
    these.reasons[found] = KEPT
    these.scores[found] = 0
    return found
