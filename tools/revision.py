"""Write a new migration from the difference between the models and the newest revision.

python tools/revision.py "subscribers: their own zone"
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/scratch.sqlite3")
        migrations.upgrade(database, metadata)
        migrations.write_revision(database, metadata, message)
        database.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('Say what changes: make revision MESSAGE="subscribers: their own zone"')
    main(sys.argv[1])
