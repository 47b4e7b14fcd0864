"""Who of those that are left serves, by their shares: by lot, or always the same one for the same key.

Nothing here is for Python; Selection calls it.
"""

from libc.math cimport INFINITY
from libc.stdint cimport uint64_t

from tianji._core.candidate cimport AFFINITY, KEPT, SHARES
from tianji._core.health cimport health_weight

cdef extern from "rendezvous.h":
    double rendezvous_score(uint64_t key, uint64_t node, double share) noexcept


cdef double share_out(const competition *these, const double *weights, int kept) noexcept:
    """Write the shares of the `kept` that are left as their scores, above 0 for one at least; their sum.

    `weights` if they say anything, else weights that were set while serving, else the first configured kind of share
    that any of them has, else equal ones.
    """
    cdef double sums[SHARES]
    cdef double total = 0
    cdef int i, j, kind = -1
    if weights != NULL:
        for i in range(these.count):
            if these.reasons[i] == KEPT:
                these.scores[i] = weights[i]
                total += weights[i]
    if total <= 0 and these.weighs[0]:
        total = weights_set(these)
    if total > 0:
        return total
    sums = [0, 0, 0]
    for i in range(these.count):
        if these.reasons[i] == KEPT:
            for j in range(SHARES):
                sums[j] += these.candidates[i].shares[j]
    for j in range(SHARES):
        if sums[j] > 0:
            kind = j
            break
    for i in range(these.count):
        if these.reasons[i] == KEPT:
            these.scores[i] = these.candidates[i].shares[kind] if kind >= 0 else 1
    return sums[kind] if kind >= 0 else kept


cdef double weights_set(const competition *these) noexcept:
    """Write down weights if that of any that is left was set; their sum, or 0."""
    cdef double weight, total = 0
    cdef bint found = False
    cdef int i
    for i in range(these.count):
        if these.reasons[i] != KEPT:
            continue
        weight = health_weight(these.candidates[i].past)
        found |= weight >= 0
        these.scores[i] = weight if weight >= 0 else these.candidates[i].shares[0]
        total += these.scores[i]
    return total if found else 0


cdef int drawn(const competition *these, double total, double roll) noexcept:
    """The one that `roll`, from 0 to 1, falls on. Scores become shares of 1."""
    cdef double share, mark = roll * total
    cdef int i, last = -1
    for i in range(these.count):
        if these.reasons[i] != KEPT:
            continue
        share = these.scores[i]
        these.scores[i] = share / total
        if share > 0 and mark >= 0:
            mark -= share
            last = i
    return last


cdef int nearest(const competition *these, uint64_t affinity) noexcept:
    """The one that this affinity belongs to; of many affinities each has its share. It alone is left."""
    cdef double score, lowest = INFINITY
    cdef int i, found = -1
    for i in range(these.count):
        if these.reasons[i] != KEPT:
            continue
        these.reasons[i] = AFFINITY
        if these.scores[i] > 0:
            score = rendezvous_score(affinity, these.candidates[i].mark, these.scores[i])
            if score < lowest:
                found, lowest = i, score
    these.reasons[found] = KEPT
    these.scores[found] = 0
    return found
