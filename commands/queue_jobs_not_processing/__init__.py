"""Queue Jobs Not Processing: queues paused, resumed, and delayed jobs brought forward."""
