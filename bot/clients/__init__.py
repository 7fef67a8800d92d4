"""The only room that talks to outside systems: one file a system, each call with its own deadline."""
