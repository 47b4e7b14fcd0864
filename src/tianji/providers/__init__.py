"""A deployment's params become one immutable description of where its requests go and what they hold.

One file a protocol, one row of the table a provider that speaks OpenAI's.
"""

from tianji.providers.registry import build
from tianji.providers.upstream import Condition, Operation, Shaping, Upstream

__all__ = ["Condition", "Operation", "Shaping", "Upstream", "build"]
