"""notices: who is mailed, what was told, who was reminded

Revision ID: 0007
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNCONFIRMED = sa.text("state = 'pending' AND reminded_at IS NULL")


def upgrade() -> None:
    op.add_column("staff", sa.Column("gets_mail", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "told",
        sa.Column("cause", sa.String(length=300), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_told")),
    )
    op.add_column("subscriptions", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_subscriptions_unconfirmed",
        "subscriptions",
        ["requested_at"],
        sqlite_where=UNCONFIRMED,
        postgresql_where=UNCONFIRMED,
    )


def downgrade() -> None:
    op.drop_index("ix_subscriptions_unconfirmed", table_name="subscriptions")
    op.drop_column("subscriptions", "reminded_at")
    op.drop_table("told")
    op.drop_column("staff", "gets_mail")
