"""The issue: newsletters and their editions, schedules and slots, composing, curating, publishing, the archive."""
