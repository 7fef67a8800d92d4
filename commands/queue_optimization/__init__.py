"""The runbook's section Queue Optimization."""
