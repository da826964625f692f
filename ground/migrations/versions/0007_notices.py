"""notices: who is mailed, what was told, who was reminded

Revision ID: 0007
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SAID_WHY = sa.text("left_because IS NOT NULL")
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
    op.create_table(
        "corrections",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("issue_id", ROW_ID, nullable=False),
        sa.Column("letter_id", ROW_ID, nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.String(length=320), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("goes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recipient_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_corrections_issue_id_issues")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_corrections_letter_id_letters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("letter_id", name=op.f("uq_corrections_letter_id")),
    )
    op.create_index(op.f("ix_corrections_issue_id"), "corrections", ["issue_id"])
    op.create_table(
        "moves",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("subscriber_id", ROW_ID, nullable=False),
        sa.Column("edition_id", ROW_ID, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_moves_subscriber_id_subscribers")),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_moves_edition_id_editions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
    )
    op.create_index(op.f("ix_moves_subscriber_id"), "moves", ["subscriber_id"])
    op.add_column("subscriptions", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriptions", sa.Column("left_because", sa.String(length=24), nullable=True))
    op.create_index(
        "ix_subscriptions_left_because",
        "subscriptions",
        ["ended_at"],
        sqlite_where=SAID_WHY,
        postgresql_where=SAID_WHY,
    )
    op.create_index(
        "ix_subscriptions_unconfirmed",
        "subscriptions",
        ["requested_at"],
        sqlite_where=UNCONFIRMED,
        postgresql_where=UNCONFIRMED,
    )


def downgrade() -> None:
    op.drop_index("ix_subscriptions_unconfirmed", table_name="subscriptions")
    op.drop_index("ix_subscriptions_left_because", table_name="subscriptions")
    op.drop_column("subscriptions", "left_because")
    op.drop_column("subscriptions", "reminded_at")
    op.drop_index(op.f("ix_moves_subscriber_id"), table_name="moves")
    op.drop_table("moves")
    op.drop_index(op.f("ix_corrections_issue_id"), table_name="corrections")
    op.drop_table("corrections")
    op.drop_table("told")
    op.drop_column("staff", "gets_mail")
