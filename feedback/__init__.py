"""What comes back: mail events applied to deliveries, subscriptions and suppressions; figures."""
