"""Daily Operations: is NovaPulse well, and how do its queues stand."""
