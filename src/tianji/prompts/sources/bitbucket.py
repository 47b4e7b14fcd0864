"""Files of a repository at Bitbucket.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/: `GET /repositories/{workspace}/{repo}/src/...`
"""

import base64
from urllib.parse import quote

from tianji.prompts.naming import Wanted
from tianji.prompts.repository import path_of, template_of
from tianji.prompts.source import Given, Source, found
from tianji.prompts.template import Template

NAME = "bitbucket"


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("base_url", default="https://api.bitbucket.org/2.0")
    where = "/".join(quote(given.need(part), safe="") for part in ("workspace", "repository"))
    branch = quote(given.text("branch", default="main"), safe="")
    secret = given.text("app_password") or given.need("access_token", "BITBUCKET_ACCESS_TOKEN")
    headers = {"authorization": f"Bearer {secret}"}
    if given.text("auth_method", default="token") == "basic" or given.text("app_password"):
        pair = base64.b64encode(f"{given.need('username')}:{secret}".encode()).decode()
        headers = {"authorization": f"Basic {pair}"}
    folder = given.text("prompts_path")

    async def fetch(wanted: Wanted) -> Template:
        url = f"{base}/repositories/{where}/src/{branch}/{quote(path_of(wanted, folder, NAME))}"
        answer = found(await given.ask("GET", url, headers), wanted, NAME)
        return template_of(answer.body, wanted, NAME)

    return Source(fetch)
