"""Alembic's entry: it migrates on the connection that ``Database.migrate`` hands over."""

from alembic import context

from bot.stores.tables import requests

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=requests.metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
