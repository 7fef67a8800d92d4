"""The ways of a message besides Slack: pages and mails, each sent until it is confirmed."""
