"""The ways out of a worker: what connects to upstreams, and the pool of those that are called over HTTP."""

import asyncio

from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.connector import Check, Connector
from tianji.egress.multiplexer import Multiplexer
from tianji.egress.proxy import Proxies
from tianji.egress.resolver import Resolver


def ways_out(loop: asyncio.AbstractEventLoop, check: Check) -> tuple[Connector, Pool]:
    """Make both, through proxies of the environment. Raises ConfigurationError for a proxy that is none."""
    connector = Connector(Resolver(), check, proxies=Proxies.of_environment())
    return connector, Pool(loop, Limits(), connector, Multiplexer(loop, connector))
