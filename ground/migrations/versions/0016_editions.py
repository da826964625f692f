"""editions: what their letters hold beside the stories: what was put right of those, what is read most

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CORRECTED = sa.text("corrected_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("editions", sa.Column("besides", JSON, nullable=False, server_default="[]"))
    op.add_column("articles", sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_articles_corrected_at", "articles", ["corrected_at"], sqlite_where=CORRECTED, postgresql_where=CORRECTED
    )
    op.add_column("feeds", sa.Column("is_ranking", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("feeds", sa.Column("ranking", JSON, nullable=False, server_default="[]"))
    op.create_table(
        "errata",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("issue_id", ROW_ID, nullable=False),
        sa.Column("article_id", ROW_ID, nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_out", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_errata_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name=op.f("fk_errata_article_id_articles")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errata")),
        sa.UniqueConstraint("issue_id", "article_id", name=op.f("uq_errata_issue_id_article_id")),
    )
    op.create_index(op.f("ix_errata_article_id"), "errata", ["article_id"])
    op.create_table(
        "opinions",
        sa.Column("issue_id", ROW_ID, nullable=False),
        sa.Column("subscription_id", ROW_ID, nullable=False),
        sa.Column("is_useful", sa.Boolean(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_opinions_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_opinions_subscription_id_subscriptions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("issue_id", "subscription_id", name=op.f("pk_opinions")),
    )
    op.create_index(op.f("ix_opinions_subscription_id"), "opinions", ["subscription_id"])


def downgrade() -> None:
    op.drop_table("opinions")
    op.drop_table("errata")
    with op.batch_alter_table("feeds") as batch_op:
        batch_op.drop_column("ranking")
        batch_op.drop_column("is_ranking")
    op.drop_index("ix_articles_corrected_at", "articles")
    op.drop_column("articles", "corrected_at")
    with op.batch_alter_table("editions") as batch_op:
        batch_op.drop_column("besides")
