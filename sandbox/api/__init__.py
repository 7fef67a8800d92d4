"""The pretend NovaPulse API, behaving as ``field-notes`` sections 1, 2 and 5 say the deployed one does."""
