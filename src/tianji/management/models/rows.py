"""The routes of deployments, access groups, fallbacks and credentials."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "model management": (
        Row("POST", "/model/new", "deployments.new", Access.SELF, OWN, "Keep a deployment in the database."),
        Row(
            "POST",
            "/model/update",
            "deployments.update",
            Access.SELF,
            OWN,
            "Change a deployment of the database.",
        ),
        Row(
            "PATCH",
            "/model/{model_id}/update",
            "deployments.patch",
            Access.SELF,
            OWN,
            "Change it by a merge patch.",
        ),
        Row(
            "POST",
            "/model/delete",
            "deployments.delete",
            Access.SELF,
            OWN,
            "Delete a deployment of the database.",
        ),
        Row("POST", "/model/block", "deployments.block", Access.ADMIN, ALL, "Send nothing to a deployment."),
        Row(
            "POST",
            "/model/unblock",
            "deployments.unblock",
            Access.ADMIN,
            ALL,
            "Use a blocked deployment again.",
        ),
        *(
            Row(
                "GET",
                path,
                "deployment_reading.info",
                Access.INFO,
                OWN,
                "Describe deployments, with their prices.",
            )
            for path in ("/model/info", "/v1/model/info")
        ),
        Row("GET", "/v2/model/info", "deployment_reading.pages", Access.INFO, OWN, "The same, page by page."),
        Row(
            "GET",
            "/model_group/info",
            "deployment_reading.groups",
            Access.INFO,
            OWN,
            "Describe models by name.",
        ),
    ),
    "utilities": (
        Row("GET", "/utils/model_info", "catalogued.info", Access.INFO, ALL, "Describe a model by the catalogue."),
        Row("GET", "/model/cost_map/source", "catalogued.source", Access.ADMIN, ALL, "Say which catalogue it is."),
        Row(
            "GET",
            "/utils/supported_openai_params",
            "rehearsing.parameters",
            Access.INFO,
            OWN,
            "Name the parameters of chat that a model takes.",
        ),
        Row(
            "POST",
            "/utils/transform_request",
            "rehearsing.transformed",
            Access.ADMIN,
            ALL,
            "Show what would go upstream for a request, without sending it.",
        ),
    ),
    "access groups": (
        Row(
            "POST",
            "/access_group/new",
            "access_groups.new",
            Access.ADMIN,
            ALL,
            "Make an access group of models.",
        ),
        Row("GET", "/access_group/list", "access_groups.listed", Access.ADMIN, ALL, "List access groups."),
        Row("GET", "/access_group/{access_group}/info", "access_groups.info", Access.ADMIN, ALL, "Describe one."),
        Row(
            "PUT",
            "/access_group/{access_group}/update",
            "access_groups.update",
            Access.ADMIN,
            ALL,
            "Change one.",
        ),
        Row(
            "DELETE",
            "/access_group/{access_group}/delete",
            "access_groups.delete",
            Access.ADMIN,
            ALL,
            "Dissolve one.",
        ),
    ),
    "adaptive routers": (
        Row("GET", "/adaptive_router/state", "adaptive.state", Access.ADMIN, ALL, "Tell what they have learnt."),
    ),
    "fallbacks": (
        Row("POST", "/fallback", "fallbacks.new", Access.ADMIN, ALL, "Set the fallbacks of a model."),
        Row("GET", "/fallback/{model}", "fallbacks.info", Access.ADMIN, ALL, "Name the fallbacks of a model."),
        Row("DELETE", "/fallback/{model}", "fallbacks.delete", Access.ADMIN, ALL, "Take its fallbacks away."),
    ),
    "credentials": (
        Row("POST", "/credentials", "credentials.new", Access.ADMIN, ALL, "Keep a vendor's credential."),
        Row("GET", "/credentials", "credentials.listed", Access.ADMIN, ALL, "List credentials, masked."),
        Row(
            "GET",
            "/credentials/by_name/{credential_name}",
            "credentials.info",
            Access.ADMIN,
            ALL,
            "Describe a credential, masked.",
        ),
        Row(
            "GET",
            "/credentials/by_model/{model_id}",
            "credentials.of_model",
            Access.ADMIN,
            ALL,
            "Describe what a deployment calls its upstream with, masked.",
        ),
        Row(
            "PATCH",
            "/credentials/{credential_name}",
            "credentials.update",
            Access.ADMIN,
            ALL,
            "Change a credential.",
        ),
        Row(
            "DELETE",
            "/credentials/{credential_name}",
            "credentials.delete",
            Access.ADMIN,
            ALL,
            "Forget a credential.",
        ),
    ),
}
