"""The deployment table as the hot path reads it: plans, deployments, groups."""

from tianji._core.upstreams.http1 cimport Timeouts
from tianji._core.journal.meter cimport Rates
from tianji._core.upstreams.origin cimport Origin
from tianji._core.routing.selection cimport Selection
from tianji._core.routing.stats cimport DeploymentStats


cdef enum Field:  # what a plan does with a member of the client's body; bits of Plan.fields
    DROP = 1        # taken out
    REFUSE = 2      # the upstream cannot take it: an error
    RENAME = 4      # sent under another name
    ADAPT = 8       # its presence sends the body through Plan.adapt


cdef class Plan:
    cdef readonly Origin origin
    cdef readonly str path            # request target, for logs and errors
    cdef readonly bytes head          # request line and fixed headers, up to and with b"content-length: "
    cdef readonly bytes model         # JSON text of the upstream's model name; None: what the pattern captured
    cdef readonly dict fields         # dict[bytes, int]: member name -> Field bits
    cdef readonly dict renames        # dict[bytes, bytes]
    cdef readonly tuple conditions    # tuple[(name, other, JSON text or None), ...]: `name` goes only beside `other`
    cdef readonly tuple defaults      # tuple[tuple[bytes, bytes], ...]: name, JSON text; added when absent
    cdef readonly tuple overrides     # the same; set always
    cdef readonly object passage      # how a body that the upstream cannot read as it is gets there; None: as bytes
    cdef readonly object adapt        # Callable[[dict], dict] or None
    cdef readonly bint adapt_always
    cdef readonly tuple needles       # tuple[tuple[bytes, ...], ...]: adapt when all of one group are in the body
    cdef readonly object shaping      # what `fields` and its kin were compiled from
    cdef readonly bint asks_usage     # a stream is asked for its usage
    cdef readonly bint streams        # unless the client says otherwise
    cdef readonly Timeouts timeouts
    cdef readonly Timeouts stream_timeouts
    cdef readonly dict tiers          # dict[str, (Timeouts, Timeouts)]: for requests of a service tier
    cdef readonly str canned          # text of a mock_response; None: the upstream is called


cdef class Deployment:
    cdef readonly str id
    cdef readonly str group           # the model group it serves
    cdef readonly str provider
    cdef readonly str model           # the upstream's name for the model
    cdef readonly str api_base        # without query or credentials
    cdef readonly dict plans          # dict[str, Plan] by operation
    cdef readonly tuple secrets       # credential strings that must never be shown
    cdef readonly str unready         # why it cannot be called (a missing key), or None
    cdef readonly list answer_headers  # what every answer of this deployment says of it
    cdef readonly DeploymentStats stats
    cdef readonly Rates rates         # what it costs; None where that depends on the model that a pattern captured
    cdef readonly object prices       # Callable[[str], Rates], for these; or None
    cdef public object purse          # Purse: the budgets that it spends from; or None. Set once, when all are known
    cdef readonly object hedge        # Hedge: when a second attempt begins; or None
    cdef readonly object silent       # Silent: which models get a copy of the request; or None
    cdef bint follow_up               # there is one of these two


cdef class Group:
    cdef readonly str name
    cdef readonly list deployments
    cdef readonly Selection selection  # the same deployments as a choice reads them
    cdef readonly tuple label         # (header name, value)
    cdef readonly object limits       # (requests, tokens) a minute of all its deployments, 0: no limit; or None
    cdef readonly object line         # WaitingRoom, where requests may wait for a slot; or None
    cpdef tuple label_as(self, str shown)


cdef class Table:
    cdef readonly dict groups         # dict[str, Group]: every name that needs no search
    cdef readonly dict autos          # dict[str, AutoRouter]: names whose group depends on what a request says
    cdef readonly object resolve      # Callable[[str], tuple[Group, captured]]: aliases, patterns; raises UnknownModel
    cdef readonly frozenset watched   # member names that steer the gateway, or that a client may not send
    cdef readonly str default_model   # takes every request whatever its model says; or None
    cdef readonly bint tells_cost     # streams say what they cost beside their usage
    cdef readonly bint shows_usage    # every stream ends with its usage chunk, asked for or not
    cdef readonly bint compat         # x-litellm-* twins beside x-tianji-*
    cdef readonly bint trusts_clients  # they may send addresses and credentials of upstreams
    cdef readonly object forwarding   # Forwarding: what of a client's own headers goes upstream
    cdef readonly long long max_answer   # bytes of an answer that is held whole
    cdef readonly object router       # what decides when a request does not succeed at once
    cdef readonly bint steers_all     # every request is looked at for what steers it
    cdef readonly dict teams          # dict[(team, public name), Group]: what belongs to a team alone
    cdef readonly bint scoped         # the deployments of a request depend on who asks, whatever it says
    cdef readonly bint affine         # some requests belong to the deployment that others of their kind went to
    cdef readonly bint recovers       # a stream that breaks is continued by another deployment
    cdef readonly bint meters         # some deployment is chosen or limited by its tokens
    cdef readonly bint heeds_filter   # an answer that a content filter cut may lead to a fallback
    cdef readonly long long window    # tokens that fit into the smallest context that is checked; 0: none is
    cdef readonly tuple enforced      # members that every request must have, dotted where they lie in another
    cdef readonly tuple enforced_of_accounts  # and those of service accounts beside them
    cdef readonly double total_timeout   # seconds of a whole request with all its attempts; 0: none
