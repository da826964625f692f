"""readers' topics and hours, what each portion of a letter holds, holidays

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "topic_sets",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("edition_id", ROW_ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sections", JSON, nullable=False),
        sa.Column("authors", JSON, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_topic_sets_edition_id_editions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_sets")),
        sa.UniqueConstraint("edition_id", "key", name=op.f("uq_topic_sets_edition_id_key")),
    )
    op.create_table(
        "portions",
        sa.Column("letter_id", ROW_ID, nullable=False),
        sa.Column("topics_id", ROW_ID, nullable=False),
        sa.Column("had", sa.Integer(), nullable=False),
        sa.Column("blocks", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_portions_letter_id_letters")),
        sa.PrimaryKeyConstraint("letter_id", "topics_id", "had", name=op.f("pk_portions")),
    )
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.add_column(sa.Column("alerts", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("topics_id", ROW_ID, nullable=True))
        batch_op.add_column(sa.Column("own_hour", sa.String(length=80), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_subscriptions_topics_id_topic_sets"), "topic_sets", ["topics_id"], ["id"]
        )
    for name in ("own_hour", "topics_id"):
        op.create_index(
            f"ix_subscriptions_{name}",
            "subscriptions",
            ["edition_id", name],
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    with op.batch_alter_table("schedules") as batch_op:
        batch_op.add_column(sa.Column("min_own", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("section_cap", sa.Integer(), nullable=False, server_default="4"))
        batch_op.add_column(sa.Column("author_cap", sa.Integer(), nullable=False, server_default="2"))
        batch_op.add_column(sa.Column("weights", JSON, nullable=False, server_default="{}"))
    op.create_table(
        "holidays",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("newsletter_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_holidays_newsletter_id_newsletters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holidays")),
    )
    op.create_index(op.f("ix_holidays_newsletter_id"), "holidays", ["newsletter_id"])
    with op.batch_alter_table("newsletters") as batch_op:
        batch_op.add_column(sa.Column("weekend", sa.String(length=30), nullable=False, server_default="fri,sat"))
    with op.batch_alter_table("editions") as batch_op:
        batch_op.add_column(sa.Column("alerts_a_day", sa.Integer(), nullable=False, server_default="2"))
    with op.batch_alter_table("issues") as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum("digest", "alert", name="kind", native_enum=False, create_constraint=True, length=24),
                nullable=False,
                server_default="digest",
            )
        )
    with op.batch_alter_table("items") as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("items") as batch_op:
        batch_op.drop_column("number")
    with op.batch_alter_table("issues") as batch_op:
        batch_op.drop_constraint(op.f("ck_issues_kind"), type_="check")
        batch_op.drop_column("kind")
    with op.batch_alter_table("editions") as batch_op:
        batch_op.drop_column("alerts_a_day")
    with op.batch_alter_table("newsletters") as batch_op:
        batch_op.drop_column("weekend")
    op.drop_table("holidays")
    with op.batch_alter_table("schedules") as batch_op:
        batch_op.drop_column("weights")
        batch_op.drop_column("author_cap")
        batch_op.drop_column("section_cap")
        batch_op.drop_column("min_own")
    for name in ("topics_id", "own_hour"):
        op.drop_index(
            f"ix_subscriptions_{name}",
            table_name="subscriptions",
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.drop_constraint(op.f("fk_subscriptions_topics_id_topic_sets"), type_="foreignkey")
        batch_op.drop_column("own_hour")
        batch_op.drop_column("topics_id")
        batch_op.drop_column("alerts")
    op.drop_table("portions")
    op.drop_table("topic_sets")
