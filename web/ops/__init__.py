"""The ops pages: what left, what came back, and why."""
