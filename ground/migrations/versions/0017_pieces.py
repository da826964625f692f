"""pieces: a number of the day and the days to come, as an editor types them into an issue; sponsors, booked by dates

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("issues", sa.Column("pieces", JSON, nullable=False, server_default="{}"))
    op.create_table(
        "sponsors",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("edition_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("headline", sa.String(length=120), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("image", sa.String(length=40), nullable=True),
        sa.Column("image_alt", sa.String(length=200), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_sponsors_edition_id_editions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sponsors")),
    )
    op.create_index(op.f("ix_sponsors_edition_id"), "sponsors", ["edition_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_sponsors_edition_id"), table_name="sponsors")
    op.drop_table("sponsors")
    with op.batch_alter_table("issues") as batch_op:
        batch_op.drop_column("pieces")
