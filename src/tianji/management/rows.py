"""What a row of the tables of management's routes says: each folder has a table of its own."""

from typing import Final, NamedTuple

from tianji.auth.access import Access, Tenant


class Row(NamedTuple):
    """One route: who may come, whose objects are meant, and what serves it."""

    method: str
    path: str
    function: str  # module of the table's folder, and name in it, of an object's method with a dot
    access: Access
    tenant: Tenant
    summary: str


OWN: Final = Tenant.CALLER
ALL: Final = Tenant.ALL
