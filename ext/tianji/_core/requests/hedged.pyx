"""A request with one attempt under way, or with two of which the first answer wins (`hedge_after`)."""

from libc.stdint cimport uint64_t

from tianji._core.sharing.clock cimport monotonic

from functools import partial

from tianji.errors import ClientGone, TianjiError

cdef uint64_t ABILITIES = 0xFFFFFFFF       # bits of Needs.bits below those of the operations


cdef class Hedged(Asked):
    """A request under way, as far as its attempts go side by side."""

    @property
    def deployment_id(self):
        """The id of the deployment that was asked last; None before the first attempt and after the end.

        Of an answer that is watched, which goes out after the end, the one that gave it.
        """
        if self.attempt is None:
            return None if self.guard is None else self.guard.deployment_id
        return self.attempt.deployment.id

    cdef int launch(self, Deployment deployment) except -1:
        """Send the request to a deployment whose slot it has. Raises what is wrong before anything was sent."""
        raise NotImplementedError

    cdef int set_course(self) except -1:
        """Leave the path of requests that succeed at once."""
        if self.course is None:
            self.spans = self.asked  # the first attempt may have asked for a part alone, of this group alone
            self.needs.asks.bits |= <uint64_t>self.pipeline.courses.abilities(self.spans, ABILITIES)
            self.course = self.pipeline.courses.begin(self)
        return 0

    cdef int forget_hedge(self) except -1:
        if self.hedging is not None:
            self.hedging.cancel()
            self.hedging = None
        return 0

    def hedge(self):
        """Ask a second deployment: the first one takes longer than usual, and the first answer wins."""
        cdef Needs second
        cdef Deployment deployment
        cdef int position
        self.hedging = None
        if not self.may_hedge():
            return
        try:
            second = self.needs.again()
            position = self.group.selection.choose(second, monotonic())
            if position < 0:
                return
            deployment = self.group.deployments[position]
            if self.guard is not None and self.guard.readies:
                readying = self.guard.ready(deployment, self.attempts)
                if readying is not None:  # the first one may answer meanwhile, and then nobody is asked
                    self.hedging = readying
                    readying.add_done_callback(partial(self.readied, second, deployment))
                    return
            self.rise(second, deployment)
        except Exception as error:  # boundary: the loop
            self.crash(error)

    def readied(self, Needs second not None, Deployment deployment not None, task):
        """Ask the second deployment, now that hooks have looked at that attempt; not where one of them refused it."""
        cdef object refused = None if task.cancelled() else task.exception()
        if task is not self.hedging:
            return
        self.hedging = None
        try:
            if refused is not None and not isinstance(refused, TianjiError):
                raise refused
            if refused is None and self.may_hedge():
                self.rise(second, deployment)
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef bint may_hedge(self) except -1:
        """Whether one attempt is under way and nothing of its answer is there."""
        return not (self.over or self.exchange.status or self.pending is not None or self.needs.holding is None)

    cdef int rise(self, Needs second, Deployment deployment) except -1:
        """Make the second attempt. `second`: holds its slot."""
        cdef Needs first = self.needs
        cdef Attempt attempt = self.attempt
        self.needs, self.rival = second, attempt
        try:
            self.launch(deployment)
        except TianjiError:  # one that cannot be asked is no help, and no harm
            if self.attempt is not attempt:
                self.attempt.close(ClientGone.status)
            self.needs, self.attempt, self.rival = first, attempt, None
        return 0

    cdef int win(self, Attempt attempt) except -1:
        """One of two attempts answers: the other one is given up."""
        cdef Attempt other
        self.forget_hedge()
        if self.rival is None:
            return 0
        other = self.rival if attempt is self.attempt else self.attempt
        self.attempt, self.needs, self.rival = attempt, attempt.needs, None
        other.close(ClientGone.status)
        self.pay()
        other.needs.release(monotonic())
        if self.course is not None:
            self.course.adopt(self.needs)
        return 0

    cdef int lose(self, Attempt attempt, object error) except -1:
        """One of two attempts failed: the other one goes on alone."""
        cdef Attempt other = self.rival if attempt is self.attempt else self.attempt
        self.give_up(attempt, error)
        self.needs = attempt.needs
        self.set_course()
        self.course.lost(attempt.needs, other.needs, error, attempt.headers, monotonic())
        self.attempt, self.needs, self.rival = other, other.needs, None
        return 0

    cdef int give_up(self, Attempt attempt, object error) except -1:
        """Close an attempt that failed."""
        if attempt.error is None:
            attempt.error = error
        attempt.close(error.status)
        return self.pay()

    cdef int pay(self) except -1:
        """Pay for attempts that are over while the request goes on."""
        raise NotImplementedError
