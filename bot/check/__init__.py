"""What ``python -m bot check`` tries: every connection and permission, each with its way to mend it."""
