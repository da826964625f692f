"""the console: what staff, desk, ops and readers' choices need stored

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


OPEN = sa.text("state IN ('ready', 'claimed', 'deferred')")
EXCEPTIONS = sa.text("state IN ('deferred', 'failed', 'uncertain', 'skipped')")
BOUNCED = sa.text("bounced_at IS NOT NULL")
COMPLAINED = sa.text("complained_at IS NOT NULL")
STANDING = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        for name in ("accepted", "failed", "skipped", "deferred"):
            batches.add_column(sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_consent_events_act_at", "consent_events", ["act", "at"])

    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("link_generation", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_subject_id"), ["subject", "id"], unique=False)

    op.create_table(
        "lane_holds",
        sa.Column("lane", sa.Enum("tx", "bulk", name="lane", native_enum=False, length=24), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("held_by", sa.String(length=320), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("lane IN ('tx', 'bulk')", name=op.f("ck_lane_holds_lane")),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_lane_holds")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("pace_seconds", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_index("ix_deliveries_open_address", sqlite_where=OPEN, postgresql_where=OPEN)
        deliveries.create_index("ix_deliveries_address_key", ["address_key"])
        for name, columns, where in (
            ("ix_deliveries_exceptions", ["state", "id"], EXCEPTIONS),
            ("ix_deliveries_bounced", ["bounced_at", "id"], BOUNCED),
            ("ix_deliveries_complained", ["complained_at", "id"], COMPLAINED),
        ):
            deliveries.create_index(name, columns, sqlite_where=where, postgresql_where=where)
    with op.batch_alter_table("bounce_reports") as reports:
        reports.create_index(op.f("ix_bounce_reports_received_at"), ["received_at"])
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.create_index(
            "ix_suppressions_standing_cause", ["cause", "id"], sqlite_where=STANDING, postgresql_where=STANDING
        )


def downgrade() -> None:
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.drop_index("ix_suppressions_standing_cause", sqlite_where=STANDING, postgresql_where=STANDING)
    with op.batch_alter_table("bounce_reports") as reports:
        reports.drop_index(op.f("ix_bounce_reports_received_at"))
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_index("ix_deliveries_complained", sqlite_where=COMPLAINED, postgresql_where=COMPLAINED)
        deliveries.drop_index("ix_deliveries_bounced", sqlite_where=BOUNCED, postgresql_where=BOUNCED)
        deliveries.drop_index("ix_deliveries_exceptions", sqlite_where=EXCEPTIONS, postgresql_where=EXCEPTIONS)
        deliveries.drop_index("ix_deliveries_address_key")
        deliveries.create_index(
            "ix_deliveries_open_address", ["address_key"], sqlite_where=OPEN, postgresql_where=OPEN
        )
    op.drop_table("heartbeats")
    op.drop_table("lane_holds")

    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_subject_id"))
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_column("link_generation")

    op.drop_index("ix_consent_events_act_at", "consent_events")
    with op.batch_alter_table("batches") as batches:
        for name in ("deferred", "skipped", "failed", "accepted"):
            batches.drop_column(name)
