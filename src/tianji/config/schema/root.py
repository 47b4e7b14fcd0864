"""The whole configuration."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from typing import ClassVar, Final

from tianji.config.schema.base import Section, Table
from tianji.config.schema.general import GeneralSettings
from tianji.config.schema.mcp import McpServer
from tianji.config.schema.model import ModelEntry
from tianji.config.schema.router import RouterSettings
from tianji.config.schema.sections import (
    Agent,
    AssistantSettings,
    Credential,
    GuardrailEntry,
    McpTool,
    Policy,
    PolicyAttachment,
    Prompt,
    ProviderSettings,
    SandboxTool,
    SearchTool,
    VectorStore,
    VertexDefaults,
    Worker,
)
from tianji.config.schema.settings import Settings


class Config(Section, frozen=True, kw_only=True):
    """Every section, decoded. `extra` holds the unknown sections.

    What is written as `model_list` stands in two places: `model_list` holds the deployments that can be used,
    `auto_routers` the entries that only choose among model groups.
    """

    derived: ClassVar[frozenset[str]] = frozenset({"model_list", "auto_routers"})
    model_list: tuple[ModelEntry, ...] = ()
    auto_routers: tuple[ModelEntry, ...] = ()
    litellm_settings: Settings = Settings()
    router_settings: RouterSettings = RouterSettings()
    general_settings: GeneralSettings = GeneralSettings()
    environment_variables: Table = {}
    guardrails: tuple[GuardrailEntry, ...] = ()
    callback_settings: dict[str, Table] = {}
    mcp_servers: dict[str, McpServer] = {}
    credential_list: tuple[Credential, ...] = ()
    vector_store_registry: tuple[VectorStore, ...] = ()
    search_tools: tuple[SearchTool, ...] = ()
    sandbox_tools: tuple[SandboxTool, ...] = ()
    assistant_settings: AssistantSettings | None = None
    finetune_settings: tuple[ProviderSettings, ...] = ()
    files_settings: tuple[ProviderSettings, ...] = ()
    default_vertex_config: VertexDefaults | None = None
    agents: tuple[Agent, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    policies: dict[str, Policy] = {}
    policy_attachments: tuple[PolicyAttachment, ...] = ()
    mcp_tools: tuple[McpTool, ...] = ()
    worker_registry: tuple[Worker, ...] = ()


SECTIONS: Final = frozenset(Config.__struct_fields__) - {"extra", "auto_routers"} | {"include"}
