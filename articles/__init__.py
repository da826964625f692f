"""What we send: feeds and pages, their formats, the identity of a story, cleaning."""
