"""Run `tianji` with a gateway of one route in place of the real one."""

import sys
import types

from tianji.auth.access import Access, Tenant
from tianji.cli import main
from tianji.config.loader import load
from tianji.edge.answers import respond_json
from tianji.edge.application import EdgeSettings
from tianji.edge.routes import Route, RouteTable


class Stub:
    edge_settings = EdgeSettings()

    def __init__(self, file, environ, access_log):
        told = {"file": str(file), "mock": environ.get("TIANJI_MOCK_BASE"), "access_log": access_log}
        self.route_table = RouteTable(
            [Route(("GET",), "/", lambda x, m: respond_json(x, told), Access.OPEN, Tenant.NONE, "")]
        )

    def authorize(self, exchange, match):
        return None

    def closed(self, exchange):
        pass

    async def startup(self):
        pass

    async def reload(self):
        pass

    async def close(self):
        pass


app = types.ModuleType("tianji.app")
app.read = load
app.collisions = lambda *_: ()
app.Gateway = lambda file, environ, access_log, *_: Stub(file, environ, access_log)
sys.modules["tianji.app"] = app
main()
