from sandbox.api.log import entry, framework

MOMENT = 1_767_323_045.25


def test_an_entry_is_coloured_and_spread_over_lines() -> None:
    assert entry("error", "HTTP Exception:", {"statusCode": 401, "path": "/x"}, MOMENT) == [
        "\x1b[31merror\x1b[39m: HTTP Exception: {",
        '  "statusCode": 401,',
        '  "path": "/x"',
        '} {"timestamp":"2026-01-02T03:04:05.250Z"}',
    ]


def test_the_framework_writes_otherwise() -> None:
    line = framework("error", "ExceptionsHandler", "it broke", MOMENT)
    assert line == "[Nest] 1  - 01/02/2026, 03:04:05 AM   ERROR [ExceptionsHandler] it broke"
