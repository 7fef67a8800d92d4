"""The bot's own state in its own SQL database; one file per noun."""
