"""The same commands from a terminal, for tests and for when Slack is down."""
