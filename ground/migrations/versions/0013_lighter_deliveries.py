"""lighter deliveries: sending keeps no index of what is leased and of what is open

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LEASED = "state IN ('claimed', 'sending')"
_OPEN = "state IN ('ready', 'claimed', 'deferred')"
_DOUBTS = {"old": "state = 'uncertain'", "new": "uncertain_at IS NOT NULL"}
#: A batch could be put down while a result of it was not written yet. Now it stays leased until that lease is over.
_TAKE_UP_AGAIN = """
    UPDATE batches SET state = 'leased', owner = left_over.owner, lease_until = left_over.lease_until
    FROM (
        SELECT b.id AS id, max(d.owner) AS owner, max(d.lease_until) AS lease_until
        FROM batches b JOIN deliveries d ON d.id BETWEEN b.first_id AND b.last_id AND d.letter_id = b.letter_id
        WHERE b.state = 'open' AND d.state IN ('claimed', 'sending')
        GROUP BY b.id
    ) AS left_over
    WHERE batches.id = left_over.id
"""


def upgrade() -> None:
    op.execute(_TAKE_UP_AGAIN)
    op.drop_index("ix_deliveries_lease", table_name="deliveries")
    op.drop_index("ix_deliveries_open_recipient", table_name="deliveries")
    _doubts("new")


def downgrade() -> None:
    _doubts("old")
    _some("ix_deliveries_open_recipient", "recipient_id", _OPEN)
    _some("ix_deliveries_lease", "lease_until", _LEASED)


def _doubts(which: str) -> None:
    op.drop_index("ix_deliveries_uncertain", table_name="deliveries")
    _some("ix_deliveries_uncertain", "uncertain_at", _DOUBTS[which])


def _some(name: str, column: str, where: str) -> None:
    op.create_index(name, "deliveries", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
