"""The demo: a sample newsroom, its readers, and the whole service run once for real on this machine."""
