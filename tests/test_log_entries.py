from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.log_entries import ENTRY_LIMIT, Entry, entries, errors_in
from bot.log_grouping import MESSAGE_LIMIT, SAMPLE_LIMIT
from sandbox.api.log import entry, framework

RED = "\x1b[31merror\x1b[39m"
AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def _read(text: str) -> list[Entry]:
    return list(entries(text.encode()))


def _http(status: int, path: str = "/api/v1/users/42") -> str:
    return (
        f"{RED}: HTTP Exception: {{\n"
        f'  "statusCode": {status},\n'
        f'  "timestamp": "2026-07-01T07:59:59.000Z",\n'
        f'  "path": "{path}",\n'
        '  "message": "it went wrong"\n'
        '} {"timestamp":"2026-07-01T08:00:00.000Z"}\n'
    )


def test_joins_the_lines_of_a_coloured_entry() -> None:
    (found,) = _read(_http(500))
    assert (found.level, found.status, found.source) == ("error", 500, "application")
    assert found.message.startswith("HTTP Exception: {\n")
    assert found.message.endswith('} {"timestamp":"2026-07-01T08:00:00.000Z"}')
    assert "\x1b" not in found.message
    assert found.at == AT


def test_reads_keys_that_are_not_indented_and_not_quoted() -> None:
    text = f'{RED}: HTTP Exception: {{\nstatusCode: 404,\npath: \'/x\'\n}} {{"timestamp":"2026-07-01 08:00:00"}}\nnext'
    found = _read(text)
    assert [(entry.level, entry.status, entry.source) for entry in found] == [
        ("error", 404, "application"),
        ("info", None, "plain"),
    ]
    assert found[0].at == AT


@pytest.mark.parametrize("word", ["error", "ERROR", "Error", "[error]"])
def test_a_level_counts_in_any_case(word: str) -> None:
    assert _read(f"{word}: boom")[0].level == "error"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("warn: slow", "warn"),
        ("WARNING: slow", "warn"),
        ("info: fine", "info"),
        ("http: GET /", "info"),
        ("fatal: gone", "fatal"),
        ("critical: gone", "fatal"),
        ("debug: x", "debug"),
    ],
)
def test_levels_have_one_name_each(text: str, level: str) -> None:
    assert _read(text)[0].level == level


@pytest.mark.parametrize("time", ["07/01/2026, 8:00:00 AM", "07/01/2026, 8:00:00\u202fAM", "2026-07-01, 08:00:00"])
def test_reads_the_frameworks_lines(time: str) -> None:
    (found,) = _read(f"\x1b[32m[Nest] 1  - \x1b[39m{time}   \x1b[31m  ERROR\x1b[39m \x1b[33m[Router] \x1b[39mlost it")
    assert (found.level, found.source, found.at) == ("error", "framework", AT)
    assert found.message == "[Router] lost it"


def test_a_stack_belongs_to_the_error_before_it() -> None:
    text = (
        "[Nest] 1  - 07/01/2026, 8:00:00 AM   ERROR [ExceptionsHandler] boom\n"
        "Error: boom\n    at Object.run (/app/main.js:1:2)\n    at next\n"
        "[Nest] 1  - 07/01/2026, 8:00:01 AM     LOG [Router] Mapped\n"
    )
    found = _read(text)
    assert [entry.level for entry in found] == ["error", "info"]
    assert found[0].message.count("\n") == 3


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Redis connection error: connect ECONNREFUSED 10.0.0.7:6379", "error"),
        ("Unhandled rejection in worker", "error"),
        ("TypeError: x is not a function", "error"),
        ("finished with 0 errors", "info"),
        ("no error found", "info"),
        ("done error: null", "info"),
        ("(node:1) Warning: deprecated", "warn"),
        ("Worker started", "info"),
    ],
)
def test_judges_a_plain_line_by_its_words(text: str, level: str) -> None:
    (found,) = _read(text)
    assert (found.level, found.source, found.at) == (level, "plain", None)


def test_a_plain_error_inside_an_open_entry_is_not_swallowed_as_noise() -> None:
    text = f'{RED}: HTTP Exception: {{\n  "statusCode": 404,\nRedis connection error: gone\n}} {{"timestamp":"x"}}\n'
    found = _read(text)
    assert [(entry.is_noise, entry.is_error) for entry in found] == [(True, True), (False, True)]


def test_an_entry_without_its_end_does_not_swallow_the_next() -> None:
    found = _read(f'{RED}: HTTP Exception: {{\n  "statusCode": 404,\n{_http(500)}')
    assert [entry.status for entry in found] == [404, 500]


def test_a_time_before_the_line_is_understood() -> None:
    found = _read("2026-07-01T08:00:00.000000000Z \x1b[31merror\x1b[39m: boom\n2026-07-01 08:00:00 [warn]: slow\n")
    assert [(entry.level, entry.message, entry.at) for entry in found] == [("error", "boom", AT), ("warn", "slow", AT)]


def test_the_worst_status_named_decides() -> None:
    (found,) = _read(f'{RED}: upstream {{\n  "statusCode": 404,\n  "status": 502\n}} {{"timestamp":"x"}}')
    assert found.status == 502
    assert not found.is_noise


def test_reads_what_the_pretend_api_writes() -> None:
    now = AT.timestamp()
    lines = [
        *entry("error", "HTTP Exception:", {"statusCode": 401, "message": "Unauthorized"}, now),
        framework("error", "ExceptionsHandler", "boom", now),
        *entry("info", "ready", None, now),
    ]
    found = _read("\n".join(lines))
    assert [(one.level, one.is_noise, one.at) for one in found] == [
        ("error", True, AT),
        ("error", False, AT),
        ("info", False, AT),
    ]


def test_an_empty_log_has_no_entries() -> None:
    assert _read("") == _read("\n\n\r\n") == []


def test_invalid_utf8_is_read_on() -> None:
    found = list(entries(b"\xff\xfe\nerror: \xc3\x28 boom\n"))
    assert [one.level for one in found] == ["info", "error"]


def test_a_very_long_line_is_cut_between_words_and_keeps_its_time() -> None:
    tail = '} {"timestamp":"2026-07-01T08:00:00.000Z"}'
    (found,) = _read("error: " + "word " * 50_000 + "mongodb://u:" + "p" * 9_000 + tail)
    assert found.at == AT
    assert len(found.message) <= ENTRY_LIMIT
    assert found.message.endswith("word …")


def test_a_line_without_a_single_space_is_not_kept() -> None:
    (found,) = _read("error: " + "x" * 100_000)
    assert found.message == " …"


def test_a_very_long_entry_is_bounded() -> None:
    (found,) = _read(f"{RED}: big {{\n" + "  line of text\n" * 50_000 + '} {"timestamp":"2026-07-01T08:00:00Z"}')
    assert len(found.message) < 2 * ENTRY_LIMIT
    assert found.at == AT


@given(st.binary(max_size=3_000))
def test_any_bytes_can_be_read(data: bytes) -> None:
    for found in entries(data):
        assert found.level
        assert "\x1b" not in found.message
    errors_in(entries(data))


_PIECES = st.sampled_from(
    [
        "error: ",
        "HTTP Exception: {\n",
        "} ",
        '{"timestamp":"',
        '"statusCode": 500',
        "[Nest] 1 - ",
        "\n",
        "\x1b[31m",
        "\x1b]",
        " ",
        "a@",
        "://",
        "0",
        "-",
        "e",
    ]
)


@given(st.lists(_PIECES, max_size=60), st.integers(min_value=1, max_value=500))
def test_any_mix_of_pieces_can_be_read(pieces: list[str], times: int) -> None:
    found = errors_in(_read("".join(pieces) * times))
    assert found.total == sum(group.count for group in found.groups) + found.ungrouped
    assert all(len(group.message) <= MESSAGE_LIMIT and len(group.sample) <= SAMPLE_LIMIT for group in found.groups)


# Groups


def test_groups_errors_by_what_they_say() -> None:
    text = "".join(
        f"error: job {number} of user {number}@example.com failed at https://example.com/{number} after 2.5s "
        f"(65f0c2a1b4d3e2f1a0b9c8{number:02d}, 123e4567-e89b-12d3-a456-4266141740{number:02d}, 10.0.0.{number})\n"
        for number in range(10, 30)
    )
    (group,) = errors_in(_read(text + "error: something else\n" * 3)).groups[:1]
    assert group.count == 20
    assert group.message == "job <n> of user <email> failed at <url> after <n>s (<id>, <id>, <address>)"
    assert "job 10 of user" in group.sample


def test_counts_noise_apart_and_the_statuses_apart() -> None:
    found = errors_in(_read(_http(404) * 5 + _http(500) * 2 + _http(503) + "info: fine\n"))
    assert (found.total, found.noise, found.ungrouped) == (3, 5, 0)
    assert [(group.status, group.count) for group in found.groups] == [(500, 2), (503, 1)]


def test_keeps_the_first_and_the_last_time() -> None:
    lines = [f"2026-07-01T0{hour}:00:00Z error: boom" for hour in (9, 8, 7)]
    (group,) = errors_in(_read("\n".join([*lines, "error: boom"]))).groups
    assert (group.first, group.last) == (AT.replace(hour=7), AT.replace(hour=9))
    assert group.count == 4


def test_masks_secrets_and_groups_what_differs_only_in_them() -> None:
    lines = [f"error: cannot connect to mongodb://nova:hunter{letter}secret@db:27017/x" for letter in "abc"]
    (group,) = errors_in(_read("\n".join([*lines, "error: cannot connect to mongodb://nova:pw@db:27017/x"]))).groups
    assert "hunter" not in repr(group)
    assert group.count == 4


def test_the_number_of_groups_is_bounded_and_the_rest_is_counted() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    found = errors_in(_read("\n".join(f"error: {word}" for word in words)), group_limit=3)
    assert (len(found.groups), found.ungrouped, found.total) == (3, 2, 5)


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ('{"level":"error","message":"boom","timestamp":"2026-07-01T08:00:00.000Z"}', "error", "boom"),
        ('{"level":50,"time":1782892800000,"pid":1,"hostname":"a","msg":"boom"}', "error", "boom"),
        ('{"severity":"WARNING","time":1782892800,"msg":"slow","queue":"email"}', "warn", 'slow {"queue": "email"}'),
        ('{"level":"info","message":"done","error":null,"ts":"2026-07-01T08:00:00Z"}', "info", 'done {"error": null}'),
        (
            (
                '{"level":"\\u001b[31merror\\u001b[39m","message":"x","stack":"Error: x\\n    at y",'
                '"@timestamp":"2026-07-01T08:00:00Z"}'
            ),
            "error",
            "x\nError: x\n    at y",
        ),
    ],
)
def test_reads_lines_of_json(line: str, level: str, message: str) -> None:
    (found,) = _read(line)
    assert (found.level, found.message, found.at) == (level, message, AT)


def test_lines_of_json_are_grouped_and_their_4xx_are_noise() -> None:
    lines = [
        f'{{"level":"error","message":"cannot serve {number}","statusCode":{status},"pid":{number}}}'
        for number, status in enumerate((500, 500, 404))
    ]
    found = errors_in(_read("\n".join(lines)))
    assert [(group.count, group.status) for group in found.groups] == [(2, 500)]
    assert found.noise == 1


@pytest.mark.parametrize(
    "line", ['{"a":1}', "{", '{"level":null}', '{"level":' + "[" * 60_000, '{"level":[' + "9" * 5_000]
)
def test_json_that_names_no_level_is_a_plain_line(line: str) -> None:
    assert _read(line)[0].source == "plain"


def test_a_line_of_json_of_a_mebibyte_keeps_its_level() -> None:
    (found,) = _read('{"level":"error","message":"' + "word " * 200_000 + '"}')
    assert found.level == "error"
    assert len(found.message) <= ENTRY_LIMIT
    assert _read('{"level":"info","message":"' + "no error: fatal " * 70_000 + '"}')[0].level == "info"
