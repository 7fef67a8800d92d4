"""The runbook's section Database Outage."""
