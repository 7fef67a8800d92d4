"""The migrations on SQLite and on a real PostgreSQL: up, down and up again, with what was stored on the way."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from bot.stores.columns import metadata
from bot.stores.database import MIGRATIONS, Database
from tests.own_database import with_tables

SCHEMA = sa.text("select name, sql from sqlite_master order by name")

# What stood in the tables before ways, on-call, groups, drains and watched freezes were known.
_MESSAGE = """
    INSERT INTO messages (key, channel, body, priority, private_to, response_url, thread_of, version, state,
        created_at, changed_at) VALUES ('{}', 'C1', '{{}}', 0, '', '', '{}', 1, 'sent', :now, :now)"""
FIFTH = (
    _MESSAGE.format("incident:i1", ""),
    _MESSAGE.format("incident:i1:worsened", "incident:i1"),
    _MESSAGE.format("plan:p1", ""),
    "INSERT INTO freezes (scope, id, actor_id, actor_name, since, until) VALUES ('all', 'f1', 'U1', 'Ann', :now, :now)",
)
ELEVENTH = (
    """INSERT INTO pages (id, level, people, reason, by_id, by_name, at)
        VALUES ('p1', 1, '[]', 'slow', 'U1', 'Ann', :now)""",
    _MESSAGE.format("mail:i1", ""),
    "UPDATE messages SET via = 'mail' WHERE key = 'mail:i1'",
)
NOW = "2026-07-01 09:00:00+00:00"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    made = Database(url)
    yield made
    await made.close()


async def moved(database: Database, to: str) -> None:
    """Bring the schema to a revision, up or down."""

    def move(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        there = MigrationContext.configure(connection).get_current_revision() or ""
        (command.downgrade if to < there else command.upgrade)(config, to)

    async with database.transaction() as connection:
        await connection.run_sync(move)


async def did(database: Database, statements: tuple[str, ...]) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement), {"now": NOW})


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def shape(database: Database) -> dict[str, list[str]]:
    """Return the columns of each table."""

    def look(connection: sa.Connection) -> dict[str, list[str]]:
        seen = sa.inspect(connection)
        return {name: sorted(one["name"] for one in seen.get_columns(name)) for name in seen.get_table_names()}

    async with database.reading() as connection:
        return await connection.run_sync(look)


def differences(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def assert_as_declared(database: Database) -> None:
    async with database.transaction() as connection:
        found = await connection.run_sync(differences)
    assert [one for one in found if "alembic_version" not in str(one)] == []


async def test_the_migrations_end_at_the_declared_tables(database: Database) -> None:
    await database.migrate()
    await assert_as_declared(database)


async def test_one_by_one_down_to_the_first_and_up_again(database: Database) -> None:
    revisions = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))
    shapes = {}
    for revision in revisions:
        await moved(database, revision)
        shapes[revision] = await shape(database)
    for revision in reversed(revisions):
        await moved(database, revision)
        assert await shape(database) == shapes[revision], revision
    await database.migrate()
    await assert_as_declared(database)


async def test_what_was_stored_is_taken_along_up_and_down(database: Database) -> None:
    await moved(database, "0005")
    await did(database, FIFTH)
    await moved(database, "0011")
    assert await rows(database, "SELECT key, incident, via FROM messages ORDER BY key") == [
        ("incident:i1", "i1", "slack"),
        ("incident:i1:worsened", "", "slack"),
        ("plan:p1", "", "slack"),
    ]
    (freeze,) = await rows(database, "SELECT id, scope, actor_name, announced_at = since FROM freeze_records")
    assert freeze[:3] == ("f1", "all", "Ann")
    assert freeze[3], "what was frozen before is not announced again"
    await did(database, ELEVENTH)
    await database.migrate()
    (page,) = await rows(database, "SELECT acknowledged_by, acknowledged_at, ended_by, ended_at = at FROM pages")
    assert page[:3] == ("", None, "")
    assert page[3], "what was paged before is not open"
    await moved(database, "0005")
    keys = await rows(database, "SELECT key FROM messages ORDER BY key")
    assert keys == [("incident:i1",), ("incident:i1:worsened",), ("plan:p1",)], "a mail would go to Slack"
    assert await rows(database, "SELECT scope FROM freezes") == [("all",)]


def test_no_migration_takes_its_tables_from_what_they_are_today() -> None:
    for path in Path("bot/stores/migrations/versions").glob("0*.py"):
        assert "bot.stores" not in path.read_text(encoding="utf-8").split('"""', 2)[2], path


async def test_a_copy_of_a_migrated_file_is_what_the_migrations_make(tmp_path: Path) -> None:
    copied, migrated = (Database(f"sqlite:///{tmp_path / name}") for name in ("copied.db", "migrated.db"))
    await with_tables(copied)
    await migrated.migrate()
    schemas = []
    for database in (copied, migrated):
        async with database.reading() as connection:
            schemas.append((await connection.execute(SCHEMA)).all())
        await database.close()
    assert len(schemas[0]) > 30
    assert schemas[0] == schemas[1]


async def test_what_pagerduty_holds_as_acknowledged_is_known_of_pages_from_before(database: Database) -> None:
    await moved(database, "0016")
    put = _MESSAGE.format("card", "").replace("changed_at)", "changed_at, page)")
    keys = {"held": "acknowledge", "rings": "trigger"}
    for key, action in keys.items():
        page = f'{{"dedup_key": "{key}", "action": "{action}", "severity": "critical"}}'
        async with database.transaction() as connection:
            query = sa.text(put.replace("'card'", ":key").replace(":now, :now)", ":now, :now, :page)"))
            await connection.execute(query, {"now": NOW, "key": key, "page": page})
    await did(database, (_MESSAGE.format("card", ""),))
    await moved(database, "0020")
    assert await rows(database, "SELECT key FROM messages WHERE acknowledged ORDER BY key") == [("held",)]
