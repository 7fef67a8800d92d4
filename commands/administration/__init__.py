"""Administration: what may be run here, what waits for a decision, what ran, and who asked for what."""
