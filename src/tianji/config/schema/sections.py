"""The smaller top-level sections: guardrails, credentials, tools, agents, prompts, policies."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from types import MappingProxyType
from typing import ClassVar, Literal

from tianji.config.schema.base import Flag, Headers, Names, Section, Table, Unknown


class Credential(Section, frozen=True, kw_only=True):
    """A named set of values that deployments pull in by `litellm_credential_name`."""

    required: ClassVar[frozenset[str]] = frozenset({"credential_name", "credential_values", "credential_info"})
    credential_name: str
    credential_values: Table
    credential_info: Table


class GuardrailEntry(Section, frozen=True, kw_only=True):
    """One guardrail; entries of the same name share the load. Its type reads the params.

    stored: it is the database's
    """

    unknown: ClassVar[Unknown] = "keep"
    required: ClassVar[frozenset[str]] = frozenset({"guardrail_name", "litellm_params"})
    derived: ClassVar[frozenset[str]] = frozenset({"stored"})
    guardrail_name: str
    litellm_params: Table
    guardrail_info: Table = {}
    guardrail_id: str | None = None
    policy_template: object = None
    stored: bool = False


class VectorStoreParams(Section, frozen=True, kw_only=True):
    """Which vector store, and of whom; `extra` holds the provider's keys."""

    unknown: ClassVar[Unknown] = "keep"
    required: ClassVar[frozenset[str]] = frozenset({"vector_store_id", "custom_llm_provider"})
    vector_store_id: str
    custom_llm_provider: str
    vector_store_description: str | None = None
    vector_store_metadata: object = None
    litellm_credential_name: str | None = None


class VectorStore(Section, frozen=True, kw_only=True):
    """An entry of `vector_store_registry`."""

    required: ClassVar[frozenset[str]] = frozenset({"litellm_params"})
    vector_store_name: str | None = None
    litellm_params: VectorStoreParams


class SearchTool(Section, frozen=True, kw_only=True):
    """A web search tool; `litellm_params` needs `search_provider`."""

    search_tool_name: str | None = None
    litellm_params: Table = {}
    search_tool_info: Table = {}


class SandboxTool(Section, frozen=True, kw_only=True):
    """A place to run code in."""

    sandbox_tool_name: str | None = None
    litellm_params: Table = {}


class ProviderSettings(Section, frozen=True, kw_only=True):
    """Credentials for files or fine-tuning at one provider; `extra` holds the provider's keys."""

    unknown: ClassVar[Unknown] = "keep"
    custom_llm_provider: str | None = None
    api_key: str | None = None
    api_base: str | None = None
    api_version: str | None = None


class AssistantSettings(Section, frozen=True, kw_only=True):
    """Where assistants live."""

    custom_llm_provider: str | None = None
    litellm_params: Table = {}


class VertexDefaults(Section, frozen=True, kw_only=True):
    """What the Vertex pass-through uses; credentials are a path, JSON text or a mapping."""

    vertex_project: str | None = None
    vertex_location: str | None = None
    vertex_credentials: object = None


class Agent(Section, frozen=True, kw_only=True):
    """An A2A agent; an entry without name or card is skipped."""

    agent_name: str | None = None
    agent_card_params: Table = {}
    litellm_params: Table = {}
    object_permission: Table = {}
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    session_tpm_limit: int | None = None
    session_rpm_limit: int | None = None
    static_headers: Headers = {}
    extra_headers: Names = ()
    access_group_ids: Names = ()
    identity: object = None
    enabled: Flag = True
    execution_mode: str | None = None
    kill_switch: object = None


class PromptParams(Section, frozen=True, kw_only=True):
    """Where a prompt comes from."""

    unknown: ClassVar[Unknown] = "keep"
    required: ClassVar[frozenset[str]] = frozenset({"prompt_integration"})
    remedies = MappingProxyType({"prompt_integration": "name one of the known integrations"})
    prompt_integration: Literal[
        "dotprompt", "langfuse", "custom", "bitbucket", "gitlab", "generic_prompt_management", "arize_phoenix",
        "humanloop",
    ]  # fmt: skip
    prompt_id: str | None = None
    api_base: str | None = None
    api_key: str | None = None
    dotprompt_content: str | None = None
    prompt_data: object = None
    prompt_directory: str | None = None
    provider_specific_query_params: Table = {}
    ignore_prompt_manager_model: Flag = False
    ignore_prompt_manager_optional_params: Flag = False


class Prompt(Section, frozen=True, kw_only=True):
    """A managed prompt. `stored`: it is the database's."""

    required: ClassVar[frozenset[str]] = frozenset({"prompt_id", "litellm_params"})
    derived: ClassVar[frozenset[str]] = frozenset({"stored"})
    prompt_id: str
    litellm_params: PromptParams
    prompt_info: Table = {}
    version: int | None = None
    environment: str | None = None
    stored: bool = False


StepAction = Literal["next", "block", "allow", "modify_response"]


class PipelineStep(Section, frozen=True, kw_only=True):
    """One guardrail of a policy's pipeline and what follows from its verdict."""

    unknown: ClassVar[Unknown] = "refuse"
    required: ClassVar[frozenset[str]] = frozenset({"guardrail"})
    guardrail: str
    on_pass: StepAction = "allow"  # noqa: S105 - not a password
    on_fail: StepAction = "block"
    on_error: StepAction | None = None
    pass_data: Flag = False
    modify_response_message: str | None = None


class Pipeline(Section, frozen=True, kw_only=True):
    """Guardrails in an order."""

    unknown: ClassVar[Unknown] = "refuse"
    mode: str = "pre_call"
    steps: tuple[PipelineStep, ...] = ()


class PolicyGuardrails(Section, frozen=True, kw_only=True):
    """What a policy adds to, and removes from, the guardrails it inherits."""

    unknown: ClassVar[Unknown] = "refuse"
    add: Names = ()
    remove: Names = ()


class PolicyCondition(Section, frozen=True, kw_only=True):
    """When a policy applies: a model name, a pattern, or a list of them."""

    unknown: ClassVar[Unknown] = "refuse"
    model: str | Names | None = None


class Policy(Section, frozen=True, kw_only=True):
    """A named set of guardrails."""

    unknown: ClassVar[Unknown] = "refuse"
    inherit: str | None = None
    description: str | None = None
    guardrails: PolicyGuardrails = PolicyGuardrails()
    condition: PolicyCondition | None = None
    pipeline: Pipeline | None = None


class PolicyAttachment(Section, frozen=True, kw_only=True):
    """Where a policy holds."""

    policy: str | None = None
    scope: str | None = None
    teams: Names = ()
    keys: Names = ()
    models: Names = ()
    tags: Names = ()
    priority: int | None = None
    default: Flag = False


class McpTool(Section, frozen=True, kw_only=True):
    """A function offered as an MCP tool; an incomplete entry is skipped."""

    name: str | None = None
    description: str | None = None
    input_schema: Table = {}
    handler: str | None = None


class Worker(Section, frozen=True, kw_only=True):
    """A worker gateway of a control plane."""

    worker_id: str | None = None
    name: str | None = None
    url: str | None = None
