"""topping up: whether an issue's audience is written down ahead of its time; what a row of it is looked up by when it is taken out

Revision ID: 0015
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("issues", sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_suppressions_delivery_id"), "suppressions", ["delivery_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_suppressions_delivery_id"), table_name="suppressions")
    op.drop_column("issues", "frozen_at")
