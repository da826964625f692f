"""stories that several feeds tell, pages read for what a feed lacks, lead images of our own

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = ("feed", "page", "sitemap")


def upgrade() -> None:
    with op.batch_alter_table("feeds") as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=24),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("body_hash", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("silent_after", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("moved_to", sa.String(length=2000), nullable=True))
        batch_op.add_column(sa.Column("reads_pages", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("feeds") as batch_op:
        batch_op.alter_column("reads_pages", server_default=None)
    with op.batch_alter_table("articles") as batch_op:
        batch_op.add_column(sa.Column("story_key", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("translation_key", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("is_archive", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("correction", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("image_name", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("page_read_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE articles SET story_key = url_key")
    with op.batch_alter_table("articles") as batch_op:
        batch_op.alter_column("story_key", existing_type=sa.String(length=500), nullable=False)
        batch_op.alter_column("is_archive", server_default=None)
        batch_op.create_index("ix_articles_story_key", ["story_key"])
        batch_op.create_index("ix_articles_translation_key", ["translation_key"])
    op.create_table(
        "story_marks",
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", ROW_ID, nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_story_marks_article_id_articles"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mark", "article_id", name=op.f("pk_story_marks")),
    )
    op.create_index("ix_story_marks_article_id", "story_marks", ["article_id"])
    op.create_index("ix_story_marks_marked_at", "story_marks", ["marked_at"])
    op.create_table(
        "images",
        sa.Column("url_hash", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url_hash", name=op.f("pk_images")),
    )


def downgrade() -> None:
    op.drop_table("images")
    op.drop_table("story_marks")
    with op.batch_alter_table("articles") as batch_op:
        batch_op.drop_index("ix_articles_translation_key")
        batch_op.drop_index("ix_articles_story_key")
        for name in ("page_read_at", "image_name", "correction", "is_archive", "translation_key", "story_key"):
            batch_op.drop_column(name)
    with op.batch_alter_table("feeds") as batch_op:
        batch_op.drop_constraint(op.f("ck_feeds_kind"), type_="check")
        for name in ("reads_pages", "moved_to", "silent_after", "body_hash", "kind"):
            batch_op.drop_column(name)
