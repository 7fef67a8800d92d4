"""The connection to the bot's own database: SQLite for one replica, PostgreSQL for several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

MIGRATIONS = Path(__file__).parent / "migrations"
# What is locked over all replicas: any numbers that nothing else locks in this database.
MIGRATION_LOCK = 0x6E6F7661
TICK_LOCK = MIGRATION_LOCK  # on purpose: while tables are changed no tick holds one of them and waits for another
PROPOSAL_LOCK = MIGRATION_LOCK + 1
WINDOWS_LOCK = MIGRATION_LOCK + 2
BUSY_TIMEOUT = 10_000  # milliseconds a writer waits for another one


class Database:
    """Transactions on the bot's own tables. ``url`` is ``sqlite:///path`` or ``postgresql://...``."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.url = parsed.set(drivername="sqlite+aiosqlite" if self.is_sqlite else "postgresql+psycopg")
        if self.is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self._writing = asyncio.Lock()
        self._engine: AsyncEngine = create_async_engine(
            self.url,
            pool_pre_ping=not self.is_sqlite,
            hide_parameters=True,  # an error's text goes into the log, and parameters hold what people typed
            # "Did my INSERT ... ON CONFLICT DO NOTHING win?" is unknown (-1) on PostgreSQL without it.
            execution_options={"preserve_rowcount": True},
        )
        if self.is_sqlite:
            sa.event.listen(self._engine.sync_engine, "connect", _make_durable)
            sa.event.listen(self._engine.sync_engine, "begin", _begin_immediate)
            sa.event.listen(self._engine.sync_engine, "invalidate", _let_go)

    async def migrate(self) -> None:
        """Bring the schema up to date."""
        async with self._engine.connect() as connection:
            await connection.run_sync(_upgrade)

    @asynccontextmanager
    async def transaction(self, joined: AsyncConnection | None = None) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end, rolled back on an error. It may wait for ``BUSY_TIMEOUT``.

        One that is given is joined instead, and ends where it was opened.
        """
        if joined is not None:
            yield joined
            return
        async with self._turn(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self, joined: AsyncConnection | None = None) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads: one state of everything, and with SQLite no waiting for a writer.

        One that is given is joined instead, and ends where it was opened.
        """
        if joined is not None:
            yield joined
            return
        async with self._engine.connect() as connection:
            await connection.execution_options(only_reads=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Line up this process's writers: SQLite would have each of them try again after ever longer sleeps."""
        if not self.is_sqlite:
            yield
            return
        async with asyncio.timeout(BUSY_TIMEOUT / 1000):
            await self._writing.acquire()
        try:
            yield
        finally:
            self._writing.release()

    async def one_at_a_time(self, connection: AsyncConnection, lock: int) -> None:
        """Keep others that ask for this lock waiting until the transaction ends; SQLite's writers take turns anyway."""
        if not self.is_sqlite:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))

    def insert(self, table: sa.Table) -> Any:
        """Return this dialect's INSERT, the one that knows ON CONFLICT."""
        from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415 - only the dialect in use is loaded

        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def file_to_come(url: str) -> Path | None:
    """Return the file that SQLite would make for this address; None where it is there or there is none to make."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    path = Path(parsed.database)
    return None if path.exists() else path


def _make_durable(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    """WAL so that readers never wait; FULL so that what was committed survives a power cut."""
    connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _let_go(connection: Any, record: object, error: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    """Give the write lock back before a connection whose call was cancelled is thrown away.

    SQLite keeps a closed connection, and its lock, for as long as anything still refers to one of its cursors; the
    traceback of the cancellation does.
    """
    with suppress(Exception):  # it may be closed already, and whatever is wrong with it is being told
        connection.rollback()


def _begin_immediate(connection: sa.Connection) -> None:
    """Take the write lock at the start: a transaction that reads and then writes can then never be refused midway."""
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":  # replicas that start together take turns
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    command.upgrade(config, "head")
    connection.commit()
