"""The schema: one frozen struct a section, with every key that LiteLLM's configuration has, by its name there."""

from tianji.config.schema.base import Section
from tianji.config.schema.cache import CacheParams
from tianji.config.schema.general import GeneralSettings, PassThroughEndpoint
from tianji.config.schema.mcp import McpServer
from tianji.config.schema.model import ModelEntry, ModelInfo, ModelParams
from tianji.config.schema.root import Config
from tianji.config.schema.router import RouterSettings
from tianji.config.schema.sections import Credential, GuardrailEntry
from tianji.config.schema.settings import Settings

__all__ = [
    "CacheParams",
    "Config",
    "Credential",
    "GeneralSettings",
    "GuardrailEntry",
    "McpServer",
    "ModelEntry",
    "ModelInfo",
    "ModelParams",
    "PassThroughEndpoint",
    "RouterSettings",
    "Section",
    "Settings",
]
