"""``python -m bot``: loads the command line and runs it."""

import gc


def main() -> None:
    """Run the command line, without looking for garbage while it is loaded: there is none, and it takes half a second.

    Each class that is loaded would otherwise be walked many times over; what is loaded stays.
    """
    gc.disable()
    from bot import command_line  # noqa: PLC0415 - after the line above

    gc.freeze()
    gc.enable()
    command_line.main()


if __name__ == "__main__":
    main()
