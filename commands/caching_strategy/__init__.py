"""Caching Strategy: the documented cached keys, and nothing else."""
