"""The runbook's section Database Maintenance."""
