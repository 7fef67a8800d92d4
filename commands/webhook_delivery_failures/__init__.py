"""The runbook's section Webhook Delivery Failures."""
