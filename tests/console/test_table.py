"""That a table on a terminal loses nothing, at the usual width, in half a window and through a pipe."""

import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from bot.console.table import WholeTable
from bot.reply import Table

REASON = "connect ECONNREFUSED 10.96.14.2:443: PagerDuty answered nothing within 10 s; tried again in 5 min"
WIDEST = {
    "/alerts": Table(
        columns=("alert", "severity", "age", "owner", "state", "id"),
        rows=(
            ("email: 1,204 jobs wait, the oldest for 14 min", "critical", "14 min", "nobody", "firing", "13570c79a0b2"),
            (
                "the newest backup of MongoDB is 31 h old",
                "warning",
                "2 h",
                "Olga Operator",
                "on and off",
                "c7bb1296ca9b",
            ),
        ),
    ),
    "/alerts undelivered": Table(
        columns=("message", "where to", "for", "attempts", "why"),
        rows=(("email: 1,204 jobs wait, the oldest for 14 min", "PagerDuty", "12 min", "7", REASON),),
    ),
    "/error-logs": Table(
        columns=("Times", "Status", "First, UTC", "Last, UTC", "Where", "What"),
        rows=(("1,204", "500", "09:00:12", "09:14:59", "POST /api/v1/webhooks/deliveries", REASON),),
    ),
    "/top-pods": Table(
        columns=("Pod", "Memory", "asked / limit", "CPU", "asked / limit", ""),
        rows=(
            ("novapulse-worker-7d9c5b8f6d-x2x7k", "1.9 GiB", "1 GiB / 2 GiB", "950m", "500m / 1", "95% of its limit"),
        ),
    ),
    "/mongo-status": Table(
        columns=("id", "operation", "on", "runs for", "plan"),
        rows=(("shard01:918273645", "update", "novapulse.webhook_deliveries", "95 s", "COLLSCAN"),),
    ),
    "/pods": Table(
        columns=("Pod", "State", "Ready", "Restarts", "Age", "Node"),
        rows=(("novapulse-worker-7d9c5b8f6d-x2x7k", "CrashLoopBackOff", "no", "17", "3 h", "ip-10-0-41-17.internal"),),
    ),
}


def shown(table: Table, width: int, *, piped: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, soft_wrap=piped, markup=False).print(WholeTable(table))
    return out.getvalue()


def letters(text: str) -> Counter[str]:
    return Counter("".join(text.split()).replace("\u2500", ""))


@pytest.mark.parametrize("width", [120, 80, 60])
@pytest.mark.parametrize("name", WIDEST)
def test_the_widest_tables_lose_nothing_and_ids_stay_in_one_piece(name: str, width: int) -> None:
    table = WIDEST[name]
    said = shown(table, width)
    assert "\u2026" not in said
    assert max(map(cell_len, said.splitlines())) <= width
    assert not letters("".join("".join(row) for row in table.rows)) - letters(said)
    for cell in (cell for row in table.rows for cell in row if " " not in cell):
        assert cell in said


@pytest.mark.parametrize("name", WIDEST)
def test_through_a_pipe_a_row_is_one_whole_line(name: str) -> None:
    table = WIDEST[name]
    _, _, *lines = shown(table, 60, piped=True).splitlines()
    assert len(lines) == len(table.rows)
    for row, line in zip(table.rows, lines, strict=True):
        assert all(cell in line for cell in row)


def test_a_narrow_window_keeps_the_columns_where_sentences_can_be_wrapped() -> None:
    said = shown(WIDEST["/alerts"], 80)
    assert said.split()[:6] == ["alert", "severity", "age", "owner", "state", "id"]
    assert "13570c79a0b2" in said
    assert len(said.splitlines()) < 10


def test_what_cannot_be_wrapped_is_a_block_a_row() -> None:
    said = [line.rstrip() for line in shown(WIDEST["/pods"], 60).splitlines()]
    assert said[:2] == ["Pod       novapulse-worker-7d9c5b8f6d-x2x7k", "State     CrashLoopBackOff"]


@given(
    st.lists(st.lists(st.text("ab c1", max_size=50), min_size=3, max_size=3).map(tuple), max_size=5).map(tuple),
    st.integers(30, 140),
)
def test_any_table_keeps_every_letter(rows: tuple[tuple[str, str, str], ...], width: int) -> None:
    table = Table(columns=("id", "state", "why"), rows=rows)
    assert not letters("".join("".join(row) for row in rows)) - letters(shown(table, width))
