"""The console: where editors choose, arrange and send."""
