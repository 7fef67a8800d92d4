"""The runbook's section High Memory Usage."""
