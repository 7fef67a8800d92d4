from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.stores.columns import metadata
from bot.stores.database import Database
from tests.own_database import with_tables

SCHEMA = sa.text("select name, sql from sqlite_master order by name")


def differences(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_migrations_end_at_the_declared_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.migrate()
    async with database.transaction() as connection:
        found = await connection.run_sync(differences)
    await database.close()
    assert [one for one in found if "alembic_version" not in str(one)] == []


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
