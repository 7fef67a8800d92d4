"""Planned Maintenance: queues drained before it."""
