"""Clearing Failed Jobs: what failed and why, before anything is retried or deleted."""
