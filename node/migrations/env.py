"""Runs the migrations on the connection that `node.db.migrate` hands over; never makes one of its own."""

from alembic import context

from node.db import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
