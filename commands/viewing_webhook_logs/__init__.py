"""The runbook's section Viewing Webhook Logs."""
