"""The demo: a sample newsroom and the story told with it."""
