"""The runbook's section Emergency Procedures."""
