"""The tables of on-call and escalation."""

import sqlalchemy as sa

from bot.stores.columns import Moment, column, metadata

overrides = sa.Table(
    "overrides",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("level", sa.Integer),
    column("person", sa.String(100)),
    column("since", Moment),
    column("until", Moment, index=True),
    column("by_id", sa.String(100)),
    column("by_name", sa.Text),
    column("made_at", Moment),
    column("ended_at", Moment, nullable=True),
    column("ended_by", sa.Text, server_default=""),
)

# Who was called about which incident or page, and when. A round begins with its level 1 (a page's with the level that
# somebody called) and is over when somebody has it, or it rings nobody, or has not been critical for a while: then
# ``over_at`` is to come.
escalations = sa.Table(
    "escalations",
    metadata,
    column("incident", sa.String(40), primary_key=True),
    column("began_at", Moment, primary_key=True),  # of the round
    column("number", sa.Integer, primary_key=True),  # of the call within the round, from 1 on
    column("level", sa.Integer),
    column("at", Moment),
    column("people", sa.JSON),  # ids; none where nobody was known
    column("over_at", Moment, nullable=True, index=True),
)

# One row a change of who has level 1; the newest says who had it when it was last looked at.
handovers = sa.Table(
    "handovers",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("at", Moment, index=True),
    column("before", sa.JSON),  # ids
    column("after", sa.JSON),  # ids
    column("accepted_by", sa.Text, server_default=""),  # a name
    column("accepted_at", Moment, nullable=True),
    column("overdue_at", Moment, nullable=True),  # when it was said that nobody has accepted it
)

# Who called whom with /page, who has it in hand, and who said that it is over.
pages = sa.Table(
    "pages",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("level", sa.Integer),
    column("people", sa.JSON),  # ids
    column("reason", sa.Text),
    column("by_id", sa.String(100), index=True),
    column("by_name", sa.Text),
    column("at", Moment, index=True),
    column("acknowledged_by", sa.Text, server_default=""),  # a name
    column("acknowledged_at", Moment, nullable=True),
    column("ended_by", sa.Text, server_default=""),  # a name
    column("ended_at", Moment, nullable=True, index=True),
    column("open_key", sa.String(64), nullable=True, unique=True, index=True),  # of its reason, while it is open
)
