"""The runbook's section "API Server Outage"."""
