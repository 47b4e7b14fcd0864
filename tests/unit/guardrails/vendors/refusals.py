"""For every type that asks a vendor an entry, and the answer by which that vendor refuses."""

import json
from typing import Any, NamedTuple

from tests.unit.guardrails.vendors.driver import KEY, answer

from tianji.guardrails.vendor import Reply


class Refusal(NamedTuple):
    """`refuses`: false for a type that never does, whose document changes a text."""

    entry: dict[str, Any]
    document: object
    refuses: bool = True

    def reply(self) -> Reply:
        """Return that answer."""
        return answer(self.document)


def says(document: object) -> dict[str, Any]:
    """Return the answer of a model that says a document, with words around it."""
    return {"choices": [{"message": {"role": "assistant", "content": f"Here: {json.dumps(document)}."}}]}


GENERIC = {"action": "BLOCKED", "blocked_reason": "No.", "texts": ["x"], "tool_calls": [], "images": []}
AIM = {
    "required_action": {"action_type": "block_action", "detection_message": "No."},
    "redacted_chat": {"all_redacted_messages": [{"role": "user", "content": "x"}]},
    "analysis_result": {"policy_drill_down": {"PII": {}}},
}
REFUSALS: dict[str, Refusal] = {
    "aim": Refusal({"api_key": KEY}, AIM),
    "cato_networks": Refusal({"api_key": KEY}, AIM),
    "aporia": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {"action": "block", "revised_response": "x", "policy_execution_result": {"a": [1]}},
    ),
    "dynamoai": Refusal(
        {"api_key": KEY},
        {"finalAction": "BLOCK", "appliedPolicies": [{"policy": {"name": "a"}, "outputs": {"action": "BLOCK"}}]},
    ),
    "enkryptai": Refusal({"api_key": KEY}, {"summary": {"toxicity": ["insult"], "pii": 1}}),
    "grayswan": Refusal({"api_key": KEY}, {"violation": 0.9, "violated_rules": [1], "mutation": False, "ipi": True}),
    "guardrails_ai": Refusal(
        {"guard_name": "g"}, {"validationPassed": False, "validatedOutput": "x", "rawLlmOutput": "x"}
    ),
    "hiddenlayer": Refusal(
        {"api_id": "i", "api_key": KEY, "version": 1},
        {
            "evaluation": {"action": "Block", "threat_level": "High"},
            "analysis": [{"name": "a", "detected": True}],
            "modified_data": {"output": {"messages": [{"content": "x"}]}},
        },
    ),
    "ibm_guardrails": Refusal(
        {"auth_token": KEY, "base_url": "https://a.example", "detector_id": "d"},
        [[{"start": 0, "end": 1, "text": "x", "detection": "a", "detection_type": "b", "score": 0.9}]],
    ),
    "javelin": Refusal(
        {"api_key": KEY, "guard_name": "g"},
        {"assessments": [{"a": {"request_reject": True, "results": {"reject_prompt": "No."}}}]},
    ),
    "lakera_v2": Refusal(
        {"api_key": KEY},
        {
            "flagged": True,
            "payload": [{"start": 0, "end": 1, "detector_type": "pii/name", "message_id": 3}],
            "breakdown": [{"detected": True, "detector_type": "prompt_attack"}],
        },
    ),
    "airia": Refusal({"api_key": KEY, "api_base": "https://a.example"}, GENERIC),
    "azure/prompt_shield": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {"userPromptAnalysis": {"attackDetected": True}, "documentsAnalysis": [{"attackDetected": False}]},
    ),
    "azure/text_moderations": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {"categoriesAnalysis": [{"category": "Hate", "severity": 4}], "blocklistsMatch": [{"blocklistName": "b"}]},
    ),
    "bedrock": Refusal(
        {"guardrailIdentifier": "g", "aws_region_name": "us-east-1", "api_key": KEY},
        {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "Sorry."}],
            "assessments": [{"topicPolicy": {"topics": [{"name": "war", "type": "DENY", "action": "BLOCKED"}]}}],
        },
    ),
    "deepkeep": Refusal({"api_key": KEY, "api_base": "https://a.example", "firewall_id": "f"}, GENERIC),
    "generic": Refusal(
        {"endpoint": "https://a.example", "headers": {"x-key": KEY}},
        {"action": "block", "message": "No.", "modified_content": None},
    ),
    "generic_guardrail_api": Refusal({"api_key": KEY, "api_base": "https://a.example"}, GENERIC),
    "lakera": Refusal(
        {"api_key": KEY},
        {"results": [{"flagged": True, "categories": {"jailbreak": True}, "category_scores": {"jailbreak": 0.9}}]},
    ),
    "openai_moderation": Refusal(
        {"api_key": KEY},
        {"id": "m", "results": [{"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}]},
    ),
    "presidio": Refusal(
        {"presidio_analyzer_api_base": "http://a.example", "pii_entities_config": {"PERSON": "BLOCK"}},
        [{"entity_type": "PERSON", "start": 0, "end": 3, "score": 0.9}],
    ),
    "wingback": Refusal({"api_key": KEY}, GENERIC),
    "lasso": Refusal(
        {"api_key": KEY, "mask": True},
        {
            "violations_detected": True,
            "deputies": {"jailbreak": True},
            "findings": {"jailbreak": [{"action": "BLOCK", "severity": "HIGH"}]},
            "messages": [{"role": "user", "content": "x"}],
        },
    ),
    "model_armor": Refusal(
        {"template_id": "t", "project_id": "p"},
        {
            "sanitizationResult": {
                "filterMatchState": "MATCH_FOUND",
                "filterResults": {
                    "rai": {"raiFilterResult": {"matchState": "MATCH_FOUND"}},
                    "sdp": {"sdpFilterResult": {"deidentifyResult": {"matchState": "NO_MATCH_FOUND"}}},
                },
            }
        },
    ),
    "noma": Refusal(
        {"api_key": KEY},
        {
            "aggregatedScanResult": True,
            "scanResult": [{"results": {"jailbreak": {"result": True}, "anonymizedContent": {"anonymized": "x"}}}],
        },
    ),
    "noma_v2": Refusal({"api_key": KEY}, GENERIC),
    "onyx": Refusal({"api_key": KEY}, {"allowed": False, "violated_rules": ["a", "b"]}),
    "pangea": Refusal(
        {"api_key": KEY},
        {
            "result": {
                "blocked": True,
                "transformed": True,
                "output": {"choices": [{"message": {"content": "x"}}], "messages": [{"content": "y"}]},
                "detectors": {"prompt_injection": {"detected": True}},
            }
        },
    ),
    "panw_prisma_airs": Refusal(
        {"api_key": KEY},
        {
            "action": "block",
            "category": "malicious",
            "scan_id": "s",
            "report_id": "r",
            "profile_name": "p",
            "response_detected": {"dlp": True},
            "response_masked_data": {"data": "x"},
        },
    ),
    "pillar": Refusal(
        {"api_key": KEY, "on_flagged_action": "block"},
        {
            "flagged": True,
            "session_id": "s",
            "scanners": {"jailbreak": True},
            "evidence": [{"category": "jailbreak", "type": "x", "evidence": "y"}],
            "masked_session_messages": [{"role": "user", "content": "x"}],
        },
    ),
    "prompt_security": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {"result": {"response": {"action": "block", "violations": ["a"], "modified_text": "x"}}},
    ),
    "qualifire": Refusal(
        {"api_key": KEY},
        {
            "score": 10,
            "status": "failed",
            "evaluationResults": [{"type": "pii", "results": [{"flagged": True, "label": "x", "reason": "y"}]}],
        },
    ),
    "zscaler_ai_guard": Refusal(
        {"api_key": KEY},
        {
            "statusCode": 200,
            "action": "BLOCK",
            "transactionId": "t",
            "detectorResponses": {"toxicity": {"action": "BLOCK"}},
            "maskedContent": "x",
        },
    ),
    "akto": Refusal(
        {"akto_base_url": "https://a.example", "akto_api_key": KEY},
        {"data": {"guardrailsResult": {"Allowed": False, "Reason": "No."}}},
    ),
    "alice": Refusal(
        {"api_key": KEY},
        {
            "verdict": "BLOCK",
            "categories": ["a"],
            "correlation_id": "c",
            "message": "No.",
            "replacements": [{"index": 0, "text": "x"}],
        },
    ),
    "cisco_ai_defense": Refusal(
        {"api_key": KEY},
        {
            "is_safe": False,
            "action": "Block",
            "event_id": "e",
            "severity": "HIGH",
            "classifications": ["a"],
            "rules": [{"rule_name": "b"}],
            "sanitized_text": "x",
            "sanitized_messages": [{"content": "x"}],
        },
    ),
    "crowdstrike_aidr": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {
            "result": {
                "blocked": True,
                "transformed": True,
                "guard_output": {"messages": [{"content": "x"}]},
                "detectors": {"a": {"detected": True}},
            }
        },
    ),
    "llm_shield_proxy": Refusal({"api_key": KEY}, {"texts": ["sure, ***"]}, refuses=False),
    "microsoft_purview": Refusal(
        {"tenant_id": "t", "client_id": "c", "client_secret": KEY},
        {"policyActions": [{"action": "restrictAccess", "restrictionAction": "block"}]},
    ),
    "ovalix": Refusal(
        {
            "tracker_api_base": "https://a.example",
            "tracker_api_key": KEY,
            "application_id": "a",
            "pre_checkpoint_id": "b",
            "post_checkpoint_id": "c",
        },
        {"action_type": "block", "modified_data": {"content": "No."}},
    ),
    "promptguard": Refusal(
        {"api_key": KEY},
        {
            "decision": "block",
            "threat_type": "a",
            "event_id": "e",
            "confidence": 0.9,
            "redacted_messages": [{"content": "x"}],
        },
    ),
    "repelloai": Refusal(
        {"api_key": KEY, "asset_id": "a"},
        {"verdict": "blocked", "policies_violated": [{"policy_name": "a", "action_taken": "block"}]},
    ),
    "rubrik": Refusal(
        {"api_base": "https://a.example", "api_key": KEY},
        {"choices": [{"message": {"content": "No.", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}}]},
    ),
    "singulr": Refusal({"singulr_api_key": KEY}, {"should_block": True, "blocking_due_to": "a"}),
    "straiker": Refusal({"api_key": KEY}, GENERIC),
    "vigil_guard": Refusal(
        {"api_key": KEY, "api_base": "https://a.example"},
        {"decision": "BLOCKED", "sanitizedText": "x", "blockMessage": "No.", "categories": ["a"]},
    ),
    "xecguard": Refusal({"api_key": KEY}, {"decision": "UNSAFE"}),
    "llm_as_a_judge": Refusal(
        {"judge_model": "m", "criteria": [{"name": "kind", "weight": 100}]}, says({"marks": {"kind": 20}})
    ),
    "decision_model": Refusal(
        {"decision_model": "m", "checks": [{"name": "rude", "instructions": "It is rude."}]}, says({"probability": 0.9})
    ),
    "semantic_guard": Refusal(
        {"custom_routes": [{"name": "war", "utterances": ["war"]}]},
        {"data": [{"index": at, "embedding": [0.5, 1.0]} for at in (1, 0)]},
    ),
}
