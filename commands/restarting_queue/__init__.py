"""The runbook's section Restarting Queue."""
