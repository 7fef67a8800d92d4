"""The bot's own database as its migrations leave it: they run once, and each test starts with a copy of that file."""

from pathlib import Path
from tempfile import TemporaryDirectory

from bot.stores.database import Database, file_to_come

_MADE: dict[str, bytes] = {}


async def with_tables(database: Database) -> None:
    """Do what ``migrate`` does; where it would make SQLite's file, without the tenth of a second that takes."""
    path = file_to_come(str(database.url))
    if path is None:
        await database.migrate()
        return
    if not _MADE:
        with TemporaryDirectory(prefix="own-database-") as folder:
            made = Database(f"sqlite:///{folder}/state.db")
            await made.migrate()
            await made.close()
            _keep(Path(folder))
    path.write_bytes(_MADE["state.db"])


def _keep(folder: Path) -> None:
    _MADE.update({path.name: path.read_bytes() for path in folder.iterdir()})
    assert list(_MADE) == ["state.db"], "closing it moves its write-ahead log into the file"
