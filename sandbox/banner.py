"""What a person reads when the sandbox is up."""

from sandbox.faults import FAULTS
from sandbox.received import MAILS, PAGER
from sandbox.site import Sandbox
from sandbox.slack import PEOPLE


def banner(sandbox: Sandbox) -> str:
    """Return the few lines that say where to go and what to try."""
    endpoints = sandbox.endpoints
    people = ", ".join(person.name for person in PEOPLE)
    log = sandbox.bot.log if sandbox.bot and sandbox.bot.pid else "nowhere yet: .venv/bin/python -m sandbox start-bot"
    return f"""
  NovaPulse's sandbox runs. Open Slack:  {endpoints["slack"]}

  People to act as ("Act as" at the top right of the page):  {people}
  Channels:  #novapulse-alerts for what the bot reports, #ops to work in

  Try in #ops:       /runbook    /queue-stats    /health    /scale-workers 5
  Make a backlog:    .venv/bin/python -m sandbox load email 60        (back to normal: load email 4)
  Break something:   .venv/bin/python -m sandbox fault redis-down on
                     {", ".join(FAULTS)}
  What is going on:  .venv/bin/python -m sandbox status
  Mails and pages:   {sandbox.control_url}{MAILS}    {sandbox.control_url}{PAGER}
                     or .venv/bin/python -m sandbox inbox    .venv/bin/python -m sandbox pages
  Without Slack:     .venv/bin/python -m bot --env-file {sandbox.directory / "bot.env"} run --as operator /queue-stats

  The bot's log is {log}; all addresses are in {sandbox.directory / "endpoints.json"}
  Ctrl-C ends everything.
"""
