"""One tick, stage by stage: evaluate, inhibit, silence, group, dedupe, notify."""
