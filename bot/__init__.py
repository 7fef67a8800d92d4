"""NovaPulse's operations bot: the runbook as Slack commands, approvals, schedules and alerts."""
