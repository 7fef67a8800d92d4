"""The runbook's section Contact & Escalation."""
