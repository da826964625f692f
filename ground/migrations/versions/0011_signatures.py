"""signatures: what is signed ahead of a letter's due time

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "signatures",
        sa.Column("letter_id", _ID, nullable=False),
        sa.Column("delivery_id", _ID, nullable=False),
        sa.Column("made", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_signatures_letter_id_letters")),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name=op.f("fk_signatures_delivery_id_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("letter_id", "delivery_id", name=op.f("pk_signatures")),
    )
    op.create_index(op.f("ix_signatures_delivery_id"), "signatures", ["delivery_id"])
    op.add_column("batches", sa.Column("signing_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batches", sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "signed_at")
    op.drop_column("batches", "signing_until")
    op.drop_table("signatures")
