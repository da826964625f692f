"""The way in: settings, wiring, command line, demo, the developer's mailbox. Nobody imports this package."""

__version__ = "0.1.0"
