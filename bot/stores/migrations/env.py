"""Alembic's entry: it migrates on the connection that ``Database.migrate`` hands over."""

from alembic import context

from bot.stores import change_tables, hearing_tables, oncall_tables, tables  # noqa: F401 - importing them declares the tables
from bot.stores.columns import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
