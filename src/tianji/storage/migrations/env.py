"""What Alembic runs: the steps, inside the transaction of the connection that it is given."""

from alembic import context

from tianji.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
