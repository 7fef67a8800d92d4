"""The runbook's section Database Optimization."""
