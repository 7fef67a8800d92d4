import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.masking import STARS, cut, mask, text

SECRET = "hunter2"

PIECES = (
    "redis://:p@h/0",
    "redis://u:p@",
    "://",
    "password=",
    '"password":"',
    "secret: ",
    'token\\":\\"',
    "Authorization: Bearer ",
    "Cookie: a=b; ",
    "eyJhbGciOi",
    "eyJzdWIiOi",
    ".",
    "xoxb-1-a",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    " ",
    "\n",
    '"',
    "'",
    "\\",
    "@",
    ":",
    "/",
    "*",
    "***",
    "api_key=[",
    "]",
    " -u joe:",
    "--token ",
    "a",
    "1234567",
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=14).map("".join)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("mongodb://nova:hun@ter2@h1:27017,h2:27017/db", "mongodb://nova:***@h1:27017,h2:27017/db"),
        ("smtp://nova@example.com:hunter2@mail:587", "smtp://nova@example.com:***@mail:587"),
        ("amqp://nova:hun/ter2@mq", "amqp://nova:***@mq"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("-H 'Authorization: Basic bm92YTpodW50ZXIy' x", "-H 'Authorization: ***' x"),
        ("sent bearer abcdefghijkl today", "sent bearer *** today"),
        ("Cookie: access_token=abc; refresh_token=def\nHost: x", "Cookie: ***\nHost: x"),
        ("set-cookie: sid=1; HttpOnly", "set-cookie: ***"),
        ("jwt eyJhbGciOi.eyJzdWIiOj.c2ln end", "jwt *** end"),
        ("from\\neyJhbGciOi.eyJzdWIiOj.c2ln", "from\\n***"),
        ("slack xoxb-12-34-abc and xapp-1-A", "slack *** and ***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("aws_secret_access_key = wJalrXUtnFEMI", "aws_secret_access_key = ***"),
        ("password=hunter2&user=joe", "password=***&user=joe"),
        ("user=joe password='hunter 2' db=x", "user=joe password='***' db=x"),
        ('{"password": "hun\\"ter2", "user": "joe"}', '{"password": "***", "user": "joe"}'),
        ('"{\\"secret\\":\\"hunter2\\",\\"a\\":1}"', '"{\\"secret\\":\\"***\\",\\"a\\":1}"'),
        ("{secret: hunter2, event: 'x'}", "{secret: ***, event: 'x'}"),
        ("X-Api-Key: abcdef", "X-Api-Key: ***"),
        ("mfaToken: 123456", "mfaToken: ***"),
        ("totp=123456", "totp=***"),
        ("otpauth://totp/Nova?secret=JBSWY3DP", "***"),
        ("backupCodes: ['a1', 'b2'] left", "backupCodes: [***] left"),
        ("curl -u joe:hunter2 http://x", "curl -u joe:*** http://x"),
        ("mysql --password hunter2 -h x", "mysql --password *** -h x"),
        ("https://hooks.slack.com/services/T0/B0/abc", "https://hooks.slack.com/services/***"),
        ("post to https://hooks.slack.com/commands/T0/1/abc now", "post to https://hooks.slack.com/commands/*** now"),
        (
            '{"response_url":"https:\\/\\/hooks.slack.com\\/actions\\/T0\\/1\\/abc"}',
            '{"response_url":"https:\\/\\/hooks.slack.com\\/actions\\/***"}',
        ),
        (
            "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0%2F1%2Fabc&x=1",
            "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F***&x=1",
        ),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a *** b"),
        ("-----BEGIN PRIVATE KEY-----\nMII\ncut off", "***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("whsec_9f2d7c6b5a4e3f21", "***"),
        ("$2b$12$" + "a" * 53, "***"),
    ],
)
def test_masks(before: str, after: str) -> None:
    assert mask(before) == after
    assert mask(after) == after


@pytest.mark.parametrize(
    "harmless",
    [
        "connection to http://api:8080/health refused",
        "redis://cache:6379/0 is down, ask joe@example.com",
        "mongodb://h1:27017,h2:27017/db?replicaSet=rs0",
        "set NOVAPULSE_EMAIL and NOVAPULSE_PASSWORD.",
        "password:",
        'password=""',
        "The token has expired",
        "PostScript and basic checks",
        "1,431 jobs wait in nova-email; 12 failed",
        "sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
    ],
)
def test_leaves_harmless_text_alone(harmless: str) -> None:
    assert mask(harmless) == harmless


@given(TEXTS)
def test_masking_twice_changes_nothing_more(before: str) -> None:
    assert mask(mask(before)) == mask(before)


@given(st.text(st.characters(exclude_characters="\n"), max_size=40), st.text(max_size=40))
def test_a_url_password_never_survives_what_stands_around_it(before: str, after: str) -> None:
    assert SECRET not in mask(f"{before} redis://nova:{SECRET}@cache:6379/0 {after}")


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_line_of_one_piece_is_masked(piece: str) -> None:
    # Anything quadratic would run into the timeout of the suite here.
    line = piece * (300_000 // len(piece))
    assert mask(line).count(STARS) <= len(line)


@given(st.text(max_size=300), st.integers(min_value=0, max_value=200))
def test_cut_never_exceeds_its_limit(before: str, limit: int) -> None:
    after = cut(before, limit)
    assert len(after) <= limit or after == before
    assert (after == before) == (len(before) <= limit)


def test_cut_says_how_much_there_was() -> None:
    after = cut("x" * 100_000, 200)
    assert after.endswith("x… (cut, 100,000 characters in all)")
    assert len(after) == 200


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_cut_without_room_for_its_note(limit: int) -> None:
    assert cut("x" * 50, limit) == "…"[:limit]


@given(st.binary(max_size=50))
def test_text_takes_any_bytes(data: bytes) -> None:
    assert isinstance(text(data), str)


def test_text_replaces_what_is_not_utf8() -> None:
    assert text(b"caf\xc3\xa9 \xff") == "café \ufffd"
