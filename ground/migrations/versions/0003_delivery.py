"""pacing by receiving-domain group, breakers, and mailboxes in trouble

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TROUBLES = ("route_refuses", "group_refuses", "sender_refused", "unknown_readers", "unknown_domain")
STANDING = sa.text("lifted_at IS NULL")
CAUSES = ("hard_bounce", "complaint", "manual", "erased")


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column(
            "trouble",
            sa.Enum(*TROUBLES, name="trouble", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("route", sa.String(length=40), nullable=True),
        sa.Column("domain_group", sa.String(length=64), nullable=True),
        sa.Column("letter_id", ROW_ID, nullable=True),
        sa.Column("domain", sa.String(length=255), nullable=True),
        sa.Column("why", sa.String(length=512), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("tripped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_breakers_letter_id_letters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breakers")),
    )
    op.create_index(op.f("ix_breakers_letter_id"), "breakers", ["letter_id"])
    op.create_index(
        "uq_breakers_standing",
        "breakers",
        ["trouble", "scope"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_table(
        "budgets",
        sa.Column("route", sa.String(length=40), nullable=False),
        sa.Column("domain_group", sa.String(length=64), nullable=False),
        sa.Column("per_minute", sa.Float(precision=53), nullable=False),
        sa.Column("usual", sa.Float(precision=53), nullable=False),
        sa.Column("booked_until", sa.Float(precision=53), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("slowed_at", sa.Float(precision=53), nullable=False),
        sa.Column("stepped_at", sa.Float(precision=53), nullable=False),
        sa.Column("why", sa.String(length=512), nullable=True),
        sa.PrimaryKeyConstraint("route", "domain_group", name=op.f("pk_budgets")),
    )
    op.create_table(
        "soft_days",
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", "day", name=op.f("pk_soft_days")),
    )
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.add_column(sa.Column("breaker_id", ROW_ID, nullable=True))
        batch_op.create_foreign_key(op.f("fk_suppressions_breaker_id_breakers"), "breakers", ["breaker_id"], ["id"])
        batch_op.drop_constraint(op.f("ck_suppressions_cause"), type_="check")
        batch_op.create_check_constraint(op.f("ck_suppressions_cause"), _one_of(*CAUSES, "soft_bounces"))
        batch_op.create_index(op.f("ix_suppressions_breaker_id"), ["breaker_id"])


def downgrade() -> None:
    op.execute("DELETE FROM suppressions WHERE cause = 'soft_bounces'")
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.drop_index(op.f("ix_suppressions_breaker_id"))
        batch_op.drop_constraint(op.f("ck_suppressions_cause"), type_="check")
        batch_op.create_check_constraint(op.f("ck_suppressions_cause"), _one_of(*CAUSES))
        batch_op.drop_constraint(op.f("fk_suppressions_breaker_id_breakers"), type_="foreignkey")
        batch_op.drop_column("breaker_id")
    op.drop_table("soft_days")
    op.drop_table("budgets")
    op.drop_table("breakers")


def _one_of(*words: str) -> str:
    return "cause IN ({})".format(", ".join(f"'{word}'" for word in words))
