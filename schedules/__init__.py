"""One file per schedule, found by walking."""
