"""The door of HTTP: readers' pages, the archive, health."""
