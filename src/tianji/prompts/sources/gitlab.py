"""Files of a repository at GitLab.

https://docs.gitlab.com/api/repository_files/: raw files, else the JSON of a file, which holds it in base64.
"""

import base64
import binascii
from urllib.parse import quote

from tianji.prompts.naming import Wanted
from tianji.prompts.repository import path_of, template_of
from tianji.prompts.source import Given, Source, found, unreadable
from tianji.prompts.template import Template

NAME = "gitlab"


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("base_url", default="https://gitlab.com/api/v4")
    project = quote(given.need("project"), safe="")
    ref = given.text("git_ref") or given.text("tag") or given.text("branch", default="main")
    token = given.need("access_token", "GITLAB_ACCESS_TOKEN")
    by_bearer = given.text("auth_method", default="token") == "oauth"
    headers = {"authorization": f"Bearer {token}"} if by_bearer else {"private-token": token}
    folder = given.text("prompts_path")

    async def fetch(wanted: Wanted) -> Template:
        file = quote(path_of(wanted, folder, NAME), safe="")
        url = f"{base}/projects/{project}/repository/files/{file}"
        at = f"ref={quote(wanted.label or ref, safe='')}"
        answer = await given.ask("GET", f"{url}/raw?{at}", headers)
        if answer.status != 404:
            return template_of(found(answer, wanted, NAME).body, wanted, NAME)
        told = found(await given.ask("GET", f"{url}?{at}", headers), wanted, NAME).document()
        try:
            content = base64.b64decode(told["content"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise unreadable(wanted, NAME, error) from error
        return template_of(content, wanted, NAME)

    return Source(fetch)
