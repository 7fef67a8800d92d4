"""``python -m bot``: loads the command line and runs it."""

from bot.loading import loading


def main() -> None:
    """Run the command line."""
    with loading():
        from bot import command_line  # noqa: PLC0415 - it loads everything

    command_line.main()


if __name__ == "__main__":
    main()
