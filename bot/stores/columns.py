"""What the tables are made of. Times are UTC; a column that may be read by people after years has a plain name."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite forgets the zone, so it is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store as UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def column(name: str, kind: Any, **more: Any) -> sa.Column[Any]:
    """Return a column that has to have a value, unless ``nullable`` is given."""
    return sa.Column(name, kind, nullable=more.pop("nullable", False), **more)
