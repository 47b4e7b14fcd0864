"""Agents on Databricks, which speak the Responses API alone.

https://docs.databricks.com/aws/en/generative-ai/agent-framework/query-agent
"""

from tianji.protocol.responses.outbound import outbound

__all__ = ["outbound"]
