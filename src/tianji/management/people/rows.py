"""The routes of users, teams, organizations, projects and customers."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "users": (
        Row("POST", "/user/new", "users.new", Access.ORGANIZATION, OWN, "Make a user, and a key for him."),
        Row("POST", "/user/update", "users.update", Access.ORGANIZATION, OWN, "Change a user."),
        Row("POST", "/user/bulk_update", "users.update_many", Access.ORGANIZATION, OWN, "Change several users."),
        Row("POST", "/user/delete", "users.delete", Access.ORGANIZATION, OWN, "Delete users with their keys."),
        Row("GET", "/user/info", "user_reading.info", Access.INFO, OWN, "Describe a user, his keys and teams."),
        Row("GET", "/v2/user/info", "user_reading.flat_info", Access.INFO, OWN, "Describe a user alone."),
        Row("GET", "/user/list", "user_reading.listed", Access.SELF, OWN, "List users, page by page."),
    ),
    "teams": (
        Row("POST", "/team/new", "teams.new", Access.ORGANIZATION, OWN, "Make a team."),
        Row("POST", "/team/update", "teams.update", Access.SELF, OWN, "Change a team."),
        Row(
            "PATCH",
            "/team/{team_id}",
            "teams.patch",
            Access.ORGANIZATION,
            OWN,
            "Change a team by a merge patch.",
        ),
        Row("POST", "/team/delete", "teams.delete", Access.ORGANIZATION, OWN, "Delete teams with their keys."),
        Row("POST", "/team/block", "teams.block", Access.ORGANIZATION, OWN, "Refuse the keys of a team."),
        Row("POST", "/team/unblock", "teams.unblock", Access.ORGANIZATION, OWN, "Let a blocked team in again."),
        Row("POST", "/team/model/add", "teams.add_models", Access.ADMIN, ALL, "Let a team use more models."),
        Row("POST", "/team/model/delete", "teams.remove_models", Access.ADMIN, ALL, "Take models from a team."),
        Row("GET", "/team/info", "team_reading.info", Access.INFO, OWN, "Describe a team, its keys and members."),
        Row("GET", "/team/list", "team_reading.listed", Access.INFO, OWN, "List teams."),
        Row("GET", "/v2/team/list", "team_reading.pages", Access.INFO, OWN, "List teams, page by page."),
        Row(
            "GET",
            "/team/metadata_schema",
            "team_reading.metadata_schema",
            Access.INFO,
            ALL,
            "Name what the metadata of teams is expected to have.",
        ),
        Row("GET", "/team/available", "team_reading.available", Access.INFO, OWN, "List teams open to all."),
        Row("POST", "/team/member_add", "team_members.add", Access.SELF, OWN, "Add members to a team."),
        Row(
            "POST",
            "/team/bulk_member_add",
            "team_members.add_many",
            Access.ORGANIZATION,
            OWN,
            "Add many members.",
        ),
        Row("POST", "/team/member_update", "team_members.update", Access.SELF, OWN, "Change a member of a team."),
        Row(
            "POST",
            "/team/{team_id}/member/{user_id}/reset_spend",
            "team_members.reset_spend",
            Access.SELF,
            OWN,
            "Set what a member has spent in a team.",
        ),
        Row(
            "POST",
            "/team/member_delete",
            "team_members.delete",
            Access.SELF,
            OWN,
            "Take a member out of a team.",
        ),
        Row(
            "GET",
            "/team/permissions_list",
            "team_reading.permissions",
            Access.SELF,
            OWN,
            "What members may do.",
        ),
        Row("POST", "/team/permissions_update", "teams.grant", Access.SELF, OWN, "Set what members may do."),
        Row(
            "POST",
            "/team/permissions_bulk_update",
            "teams.grant_to_many",
            Access.ORGANIZATION,
            OWN,
            "Let members of several teams do more.",
        ),
    ),
    "organizations": (
        Row("POST", "/organization/new", "organizations.new", Access.ADMIN, ALL, "Make an organization."),
        Row(
            "PATCH",
            "/organization/update",
            "organizations.update",
            Access.ADMIN,
            ALL,
            "Change an organization.",
        ),
        Row(
            "DELETE",
            "/organization/delete",
            "organizations.delete",
            Access.ORGANIZATION,
            OWN,
            "Delete several.",
        ),
        Row("GET", "/organization/list", "organizations.listed", Access.INFO, OWN, "List organizations."),
        *(
            Row(method, "/organization/info", function, Access.INFO, OWN, "Describe organizations.")
            for method, function in (("GET", "organizations.info"), ("POST", "organizations.several"))
        ),
        Row(
            "POST",
            "/organization/member_add",
            "organizations.add_members",
            Access.ORGANIZATION,
            OWN,
            "Add members.",
        ),
        Row(
            "PATCH",
            "/organization/member_update",
            "organizations.update_member",
            Access.ORGANIZATION,
            OWN,
            "Change a member of an organization.",
        ),
        Row(
            "DELETE",
            "/organization/member_delete",
            "organizations.delete_member",
            Access.ORGANIZATION,
            OWN,
            "Take a member out of an organization.",
        ),
    ),
    "projects": (
        Row("POST", "/project/new", "projects.new", Access.SELF, OWN, "Make a project of a team."),
        Row("POST", "/project/update", "projects.update", Access.SELF, OWN, "Change a project."),
        Row("DELETE", "/project/delete", "projects.delete", Access.ADMIN, ALL, "Delete projects."),
        Row("GET", "/project/info", "projects.info", Access.INFO, OWN, "Describe a project."),
        Row("GET", "/project/list", "projects.listed", Access.INFO, OWN, "List projects."),
    ),
    "customers": tuple(
        Row(method, f"/{name}/{action}", f"customers.{function}", access, ALL, summary)
        for name in ("customer", "end_user")
        for method, action, function, access, summary in (
            ("POST", "new", "new", Access.ADMIN, "Make a customer."),
            ("POST", "update", "update", Access.ADMIN, "Change a customer."),
            ("POST", "delete", "delete", Access.ADMIN, "Delete customers."),
            ("POST", "block", "block", Access.ADMIN, "Refuse requests for customers."),
            ("POST", "unblock", "unblock", Access.ADMIN, "Let blocked customers in again."),
            ("GET", "info", "info", Access.ADMIN, "Describe a customer."),
            ("GET", "list", "listed", Access.ADMIN, "List customers."),
        )
    ),
}
