"""People and permission: subscribers, subscriptions, consent, double opt-in, preferences, leaving."""
