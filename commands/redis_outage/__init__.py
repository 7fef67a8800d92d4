"""Redis Outage: how the server is, and which keys it has."""
