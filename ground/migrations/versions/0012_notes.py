"""notes: what an editor says in an issue before its first story

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("issues", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("issues", sa.Column("note_by", sa.String(length=120), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("issues") as batch_op:
        batch_op.drop_column("note_by")
        batch_op.drop_column("note")
