"""The tables that LiteLLM's migrations make, as far as the takeover reads them, and some rows as it writes them."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.secret import SecretBox

SECRET: Final = "sk-made-by-the-other-gateway-1"


SALT: Final = "the salt key of the other gateway"


def boxed(text: str, salt: str = SALT) -> str:
    """Encrypt as LiteLLM does."""
    return urlsafe_b64encode(SecretBox(hashlib.sha256(salt.encode()).digest()).encrypt(text.encode())).decode()


def gcm(text: str) -> str:
    """Encrypt as LiteLLM does with `encryption_algorithm: aes-256-gcm`."""
    nonce = b"twelve bytes"
    sealed = AESGCM(hashlib.sha256(SALT.encode()).digest()).encrypt(nonce, text.encode(), None)
    return "v2:gcm:" + urlsafe_b64encode(nonce + sealed).decode()


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


_TIMES: Final = (
    "created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP"
)
_HISTORY: Final = f"{_TIMES}, created_by TEXT NOT NULL DEFAULT 'default_user_id', updated_by TEXT"
_LIMITS: Final = (
    "max_budget DOUBLE PRECISION, tpm_limit BIGINT, rpm_limit BIGINT, max_parallel_requests INTEGER, "
    "budget_duration TEXT, budget_reset_at TIMESTAMP(3)"
)
_DAILY: Final = """id TEXT PRIMARY KEY, date TEXT NOT NULL, api_key TEXT NOT NULL, model TEXT, model_group TEXT,
    custom_llm_provider TEXT, mcp_namespaced_tool_name TEXT, endpoint TEXT, prompt_tokens BIGINT DEFAULT 0,
    completion_tokens BIGINT DEFAULT 0, cache_read_input_tokens BIGINT DEFAULT 0,
    cache_creation_input_tokens BIGINT DEFAULT 0, spend DOUBLE PRECISION DEFAULT 0, api_requests BIGINT DEFAULT 0,
    successful_requests BIGINT DEFAULT 0, failed_requests BIGINT DEFAULT 0"""
SCHEMA: Final = f"""
CREATE TABLE "LiteLLM_BudgetTable" (budget_id TEXT PRIMARY KEY, {_LIMITS}, soft_budget DOUBLE PRECISION,
    tpd_limit BIGINT, model_max_budget JSONB, allowed_models TEXT[], {_HISTORY});
CREATE TABLE "LiteLLM_ObjectPermissionTable" (object_permission_id TEXT PRIMARY KEY, mcp_servers TEXT[] DEFAULT '{{}}',
    models TEXT[] DEFAULT '{{}}');
CREATE TABLE "LiteLLM_OrganizationTable" (organization_id TEXT PRIMARY KEY, organization_alias TEXT NOT NULL,
    budget_id TEXT NOT NULL, metadata JSONB DEFAULT '{{}}', models TEXT[], spend DOUBLE PRECISION DEFAULT 0,
    model_spend JSONB DEFAULT '{{}}', object_permission_id TEXT, {_HISTORY});
CREATE TABLE "LiteLLM_UserTable" (user_id TEXT PRIMARY KEY, user_alias TEXT, team_id TEXT, sso_user_id TEXT UNIQUE,
    organization_id TEXT, password TEXT, teams TEXT[] DEFAULT '{{}}', user_role TEXT, {_LIMITS},
    spend DOUBLE PRECISION DEFAULT 0, user_email TEXT, models TEXT[], metadata JSONB DEFAULT '{{}}',
    allowed_cache_controls TEXT[] DEFAULT '{{}}', model_spend JSONB DEFAULT '{{}}',
    model_max_budget JSONB DEFAULT '{{}}',
    created_at TIMESTAMP(3), updated_at TIMESTAMP(3));
CREATE TABLE "LiteLLM_OrganizationMembership" (user_id TEXT, organization_id TEXT, user_role TEXT,
    spend DOUBLE PRECISION DEFAULT 0, budget_id TEXT, created_at TIMESTAMP(3), updated_at TIMESTAMP(3),
    PRIMARY KEY (user_id, organization_id));
CREATE TABLE "LiteLLM_ModelTable" (id SERIAL PRIMARY KEY, aliases JSONB);
CREATE TABLE "LiteLLM_TeamTable" (team_id TEXT PRIMARY KEY, team_alias TEXT, organization_id TEXT,
    object_permission_id TEXT, admins TEXT[], members TEXT[], members_with_roles JSONB DEFAULT '{{}}',
    metadata JSONB DEFAULT '{{}}', {_LIMITS}, spend DOUBLE PRECISION DEFAULT 0, models TEXT[],
    blocked BOOLEAN DEFAULT false,
    model_spend JSONB, model_max_budget JSONB, model_id INTEGER, team_member_permissions TEXT[] DEFAULT '{{}}',
    created_at TIMESTAMP(3), updated_at TIMESTAMP(3));
CREATE TABLE "LiteLLM_ProjectTable" (project_id TEXT PRIMARY KEY, project_alias TEXT, team_id TEXT, budget_id TEXT,
    metadata JSONB DEFAULT '{{}}', models TEXT[], spend DOUBLE PRECISION DEFAULT 0, model_spend JSONB DEFAULT '{{}}',
    blocked BOOLEAN DEFAULT false, object_permission_id TEXT, {_HISTORY}, description TEXT,
    model_rpm_limit JSONB DEFAULT '{{}}', model_tpm_limit JSONB DEFAULT '{{}}');
CREATE TABLE "LiteLLM_TeamMembership" (user_id TEXT, team_id TEXT, spend DOUBLE PRECISION DEFAULT 0, budget_id TEXT,
    PRIMARY KEY (user_id, team_id));
CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY, key_name TEXT, key_alias TEXT,
    soft_budget_cooldown BOOLEAN DEFAULT false, spend DOUBLE PRECISION DEFAULT 0, expires TIMESTAMP(3), models TEXT[],
    aliases JSONB DEFAULT '{{}}', config JSONB DEFAULT '{{}}', user_id TEXT, team_id TEXT,
    permissions JSONB DEFAULT '{{}}',
    metadata JSONB DEFAULT '{{}}', blocked BOOLEAN, {_LIMITS}, budget_id TEXT, organization_id TEXT,
    object_permission_id TEXT, allowed_routes TEXT[] DEFAULT '{{}}', model_max_budget JSONB DEFAULT '{{}}',
    tpd_limit BIGINT, total_spend DOUBLE PRECISION DEFAULT 0, budget_limits JSONB,
    budget_fallbacks JSONB DEFAULT '{{}}', key_type TEXT DEFAULT 'default', auto_rotate BOOLEAN DEFAULT false,
    rotation_interval TEXT, rotation_count INTEGER,
    {_HISTORY});
CREATE TABLE "LiteLLM_DeprecatedVerificationToken" (id TEXT PRIMARY KEY, token TEXT UNIQUE, active_token_id TEXT,
    revoke_at TIMESTAMP(3), created_at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE "LiteLLM_EndUserTable" (user_id TEXT PRIMARY KEY, alias TEXT, spend DOUBLE PRECISION DEFAULT 0,
    allowed_model_region TEXT, default_model TEXT, budget_id TEXT, blocked BOOLEAN DEFAULT false);
CREATE TABLE "LiteLLM_TagTable" (tag_name TEXT PRIMARY KEY, description TEXT, models TEXT[], model_info JSONB,
    spend DOUBLE PRECISION DEFAULT 0, budget_id TEXT, created_at TIMESTAMP(3), created_by TEXT,
    updated_at TIMESTAMP(3));
CREATE TABLE "LiteLLM_ProxyModelTable" (model_id TEXT PRIMARY KEY, model_name TEXT, litellm_params JSONB,
    model_info JSONB, created_at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP, created_by TEXT);
CREATE TABLE "LiteLLM_CredentialsTable" (credential_id TEXT PRIMARY KEY, credential_name TEXT UNIQUE,
    credential_values JSONB, credential_info JSONB);
CREATE TABLE "LiteLLM_AuditLog" (id TEXT PRIMARY KEY);
CREATE TABLE "LiteLLM_SpendLogs" (request_id TEXT PRIMARY KEY, call_type TEXT NOT NULL,
    api_key TEXT NOT NULL DEFAULT '',
    spend DOUBLE PRECISION DEFAULT 0, total_tokens INTEGER DEFAULT 0, prompt_tokens INTEGER DEFAULT 0,
    completion_tokens INTEGER DEFAULT 0, "startTime" TIMESTAMP(3) NOT NULL, "endTime" TIMESTAMP(3) NOT NULL,
    "completionStartTime" TIMESTAMP(3), model TEXT NOT NULL DEFAULT '', model_id TEXT DEFAULT '',
    model_group TEXT DEFAULT '', custom_llm_provider TEXT DEFAULT '', api_base TEXT DEFAULT '', "user" TEXT DEFAULT '',
    metadata JSONB DEFAULT '{{}}', cache_hit TEXT DEFAULT '', cache_key TEXT DEFAULT '',
    request_tags JSONB DEFAULT '[]',
    team_id TEXT, end_user TEXT, requester_ip_address TEXT, messages JSONB DEFAULT '{{}}',
    response JSONB DEFAULT '{{}}',
    proxy_server_request JSONB DEFAULT '{{}}', session_id TEXT, status TEXT);
CREATE TABLE "LiteLLM_DailyUserSpend" (user_id TEXT, {_DAILY});
CREATE TABLE "LiteLLM_DailyTeamSpend" (team_id TEXT, {_DAILY});
CREATE TABLE "LiteLLM_DailyTagSpend" (tag TEXT, {_DAILY});
"""
_KEY: Final = digest(SECRET)
_OTHER, _OLD = digest("sk-another-of-theirs-22"), digest("sk-replaced-of-theirs-33")
_PARAMS: Final = json.dumps(
    {"model": boxed("openai/x"), "mock_response": boxed("of the other"), "api_key": gcm("sk-vendor-77"), "rpm": 60}
)
_LOST: Final = json.dumps({"model": boxed("openai/x", "another salt")})
_VALUES: Final = json.dumps({"api_key": boxed("sk-shared-88")})
ROWS: Final = f"""
INSERT INTO "LiteLLM_BudgetTable" (budget_id, max_budget, tpm_limit) VALUES ('b', 12.5, 1000), ('of-org', 100, NULL);
INSERT INTO "LiteLLM_ObjectPermissionTable" VALUES ('p', '{{files}}', '{{}}');
INSERT INTO "LiteLLM_OrganizationTable" (organization_id, organization_alias, budget_id, models, spend)
    VALUES ('o', 'Org', 'of-org', '{{m,n}}', 3.25);
INSERT INTO "LiteLLM_UserTable" (user_id, user_email, user_role, models, spend, max_budget, password, organization_id)
    VALUES ('ann', 'Ann@Example.com', 'internal_user', '{{}}', 0.1, 5, 'scrypt:x', NULL),
           ('boss', NULL, 'proxy_admin', NULL, 0, NULL, NULL, 'o');
INSERT INTO "LiteLLM_OrganizationMembership" VALUES ('ann', 'o', 'org_admin', 1.5, NULL), ('gone', 'o', 'org_admin',
    0, NULL);
INSERT INTO "LiteLLM_ModelTable" (id, aliases) VALUES (7, '{{"fast": "m"}}');
INSERT INTO "LiteLLM_TeamTable" (team_id, team_alias, organization_id, members_with_roles, models, spend, model_id,
    metadata, rpm_limit, admins, members, budget_duration, budget_reset_at)
    VALUES ('t', 'Team', 'o', '[{{"user_id": "ann", "role": "admin"}}, {{"user_id": "new", "role": "user"}},
    {{"user_email": "who@example.com", "role": "user"}}]', '{{m}}', 2, 7, '{{"a": [1, 2]}}', 60, '{{}}', '{{}}', '30d',
    '2026-12-01 00:00:00');
INSERT INTO "LiteLLM_ProjectTable" (project_id, team_id, models, spend, model_rpm_limit, budget_id, metadata)
    VALUES ('pr', 't', '{{m}}', 1.25, '{{"m": 50}}', 'b', '{{"a": 1}}');
INSERT INTO "LiteLLM_TeamMembership" VALUES ('ann', 't', 0.75, 'b'), ('ann', 'gone', 0, NULL);
INSERT INTO "LiteLLM_VerificationToken" (token, key_name, key_alias, spend, models, aliases, user_id, team_id, metadata,
    expires, max_budget, object_permission_id, tpd_limit, tpm_limit, total_spend, budget_limits, model_max_budget,
    budget_fallbacks, rotation_interval, auto_rotate)
    VALUES ('{_KEY}', 'sk-...er-1', 'mine', 0.123456789, '{{m}}', '{{"x": "m"}}', 'ann', 't', '{{"tags": ["a"]}}',
            '2099-01-01 00:00:00', 7, 'p', 900, 70000, 4.5, '[{{"budget_duration": "1d", "max_budget": 2}}]',
            '{{"m": {{"budget_limit": 3, "time_period": "1d"}}}}', '{{"m": ["n"]}}', '30d', true);
INSERT INTO "LiteLLM_VerificationToken" (token, key_name, key_alias, spend, models, aliases, user_id, team_id, metadata,
    expires, max_budget, object_permission_id, soft_budget_cooldown)
    VALUES ('{_OTHER}', 'sk-...s-22', 'mine', 0, '{{}}', '{{}}', NULL, NULL, '{{}}', NULL, NULL, NULL, true),
           ('not-a-digest', 'odd', NULL, 0, '{{}}', '{{}}', NULL, NULL, '{{}}', NULL, NULL, NULL, false),
           ('{digest("sk-negative")}', 'neg', NULL, 0, '{{}}', '{{}}', NULL, NULL, '{{}}', NULL, -1, NULL, false);
INSERT INTO "LiteLLM_DeprecatedVerificationToken" (id, token, active_token_id, revoke_at)
    VALUES ('1', '{_OLD}', '{_KEY}', '2099-01-01 00:00:00'), ('2', 'x', 'gone', '2099-01-01 00:00:00');
INSERT INTO "LiteLLM_EndUserTable" (user_id, alias, spend, blocked) VALUES ('cust', 'C', 0.5, true);
INSERT INTO "LiteLLM_TagTable" (tag_name, description, models, spend) VALUES ('a', 'd', '{{}}', 0.25);
INSERT INTO "LiteLLM_ProxyModelTable" (model_id, model_name, litellm_params, model_info) VALUES
    ('1', 'kept', '{_PARAMS}', '{{"mode": "chat"}}'), ('2', 'lost', '{_LOST}', NULL);
INSERT INTO "LiteLLM_CredentialsTable" VALUES ('1', 'vendor', '{_VALUES}', '{{"custom_llm_provider": "openai"}}');
INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend, prompt_tokens, completion_tokens, "startTime",
    "endTime", model, model_group, custom_llm_provider, "user", team_id, end_user, request_tags, status, metadata,
    cache_hit,
    messages)
    SELECT 'chatcmpl-' || n, 'acompletion', '{_KEY}', 0.000001, 10, 5,
    timestamp '2026-11-20 23:59:59' + n * interval '1 ms',
    timestamp '2026-11-21 00:00:05', 'gpt-4o', 'm', 'openai', 'ann', 't', 'cust', '["a"]', 'success',
    '{{"additional_usage_values": {{"cache_read_input_tokens": 4}}}}', 'False', '{{}}' FROM generate_series(1, 2500) n;
INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend, "startTime", "endTime", model, status, metadata,
    messages, cache_key)
    VALUES ('failed', 'acompletion', 'litellm_proxy_master_key', 0, '2026-11-22 10:00:00', '2026-11-22 10:00:01',
    'm', 'failure',
    '{{"error_information": {{"error_code": "429", "error_class": "RateLimitError", "error_message": "slow"}}}}',
    '[{{"role": "user", "content": "hi"}}]', 'k'),
    ('infinite', 'acompletion', '', 'Infinity', '2026-11-22 10:00:00', '2026-11-22 10:00:01', 'm', 'success', '{{}}',
    '{{}}', '');
INSERT INTO "LiteLLM_DailyUserSpend" (user_id, id, date, api_key, model, model_group, custom_llm_provider, endpoint,
    spend,
    prompt_tokens, api_requests, successful_requests)
    VALUES ('ann', '1', '2026-10-01', '{_KEY}', 'gpt-4o', 'm', 'openai', '/chat/completions', 1.5, 100, 3, 3),
           (NULL, '2', '2026-10-01', '{_KEY}', 'gpt-4o', 'm', 'openai', '/chat/completions', 0.5, 50, 1, 1),
           ('ann', '3', '2026-11-20', '{_KEY}', 'gpt-4o', 'm', 'openai', '/chat/completions', 2.0, 9, 9, 9);
INSERT INTO "LiteLLM_DailyTeamSpend" (team_id, id, date, api_key, model, spend, api_requests)
    VALUES ('t', '1', '2026-10-01', '{_KEY}', 'gpt-4o', 1.5, 3);
"""
