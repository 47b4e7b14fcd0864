"""What is counted for a deployment, in counters that all workers share.

Series and labels follow the families that users of this gateway's Go ancestor scrape: `tianji_requests_total`,
`tianji_tokens_total`, `tianji_request_total_latency_seconds`, `tianji_time_to_first_token_seconds`; and
`tianji_overhead_seconds`, the part of a request's time that was spent here and not upstream.
"""

import cython

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
OVERHEAD_BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)


def escape_label(str value not None):
    """A label value as the Prometheus text format 0.0.4 wants it between its quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@cython.final
cdef class DeploymentStats:
    """Counters of one model group at one provider; deployments of the same group and provider share them."""

    def __init__(self, SharedCounters counters not None, str model not None, str provider not None):
        self.counters = counters
        self.labels = f'model="{escape_label(model)}",provider="{escape_label(provider)}"'
        self.by_status = {}
        self.in_flight = counters.slot("tianji_in_flight_requests{%s}" % self.labels)
        self.prompt_tokens = counters.slot('tianji_tokens_total{%s,type="prompt"}' % self.labels)
        self.completion_tokens = counters.slot('tianji_tokens_total{%s,type="completion"}' % self.labels)
        self.spend = counters.slot("tianji_spend_dollars_total{%s}" % self.labels)
        self.total = Histogram(counters, "tianji_request_total_latency_seconds", self.labels, LATENCY_BOUNDS)
        self.overhead = Histogram(counters, "tianji_overhead_seconds", self.labels, OVERHEAD_BOUNDS)
        self.first_byte = Histogram(counters, "tianji_time_to_first_token_seconds", self.labels, LATENCY_BOUNDS)

    def bill(self, long long prompt, long long completion, long long nano_dollars):
        """Count what was used beside the requests that pass here: tokens, and nano-dollars."""
        self.used(prompt, completion, nano_dollars)

    cdef int began(self) except -1:
        self.counters.bump(self.in_flight, 1)
        return 0

    cdef int ended(self, int status, double total, double overhead, double first_byte) except -1:
        """Count one finished attempt. Times in seconds; a negative one is not known and not observed."""
        slot = self.by_status.get(status)
        if slot is None:
            slot = self.counters.slot('tianji_requests_total{%s,status="%d"}' % (self.labels, status))
            self.by_status[status] = slot
        self.counters.bump(<int>slot, 1)
        self.counters.bump(self.in_flight, -1)
        self.total.observe(total)
        if overhead >= 0:
            self.overhead.observe(overhead)
        if first_byte >= 0:
            self.first_byte.observe(first_byte)
        return 0

    cdef int used(self, long long prompt, long long completion, long long nano_dollars) except -1:
        if prompt > 0:
            self.counters.bump(self.prompt_tokens, prompt)
        if completion > 0:
            self.counters.bump(self.completion_tokens, completion)
        if nano_dollars > 0:
            self.counters.bump(self.spend, nano_dollars)
        return 0
