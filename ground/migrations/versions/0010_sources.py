"""sources: whether pages are still there, the clock of a date, the place that a summary began with

Revision ID: 0010
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("articles", sa.Column("utc_offset", sa.Integer(), nullable=True))
    op.add_column("articles", sa.Column("dateline", sa.String(length=80), nullable=True))
    op.add_column("items", sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("items", sa.Column("page_said", sa.String(length=300), nullable=True))


def downgrade() -> None:
    op.drop_column("items", "page_said")
    op.drop_column("items", "looked_at")
    op.drop_column("articles", "dateline")
    op.drop_column("articles", "utc_offset")
