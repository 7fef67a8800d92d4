"""The runbook's section Testing Webhook."""
