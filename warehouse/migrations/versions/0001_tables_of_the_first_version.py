"""tables of the first version."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "ingest_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("submitter_org_id", sa.String(length=32), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=True),
        sa.Column("period_id", sa.String(length=64), nullable=True),
        sa.Column("file_version", sa.Integer(), nullable=True),
        sa.Column("mode", sa.String(length=8), nullable=True),
        sa.Column("bytes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=True),
        sa.Column("decision", sa.String(length=32), nullable=True),
        sa.Column("rows_read", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_accepted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_unchanged", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_rejected", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_held", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_skipped", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rows_overlapping", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("periods", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("delta_version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_ingest_file")),
    )
    op.create_table(
        "lock",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lock")),
    )
    op.create_table(
        "program_period",
        sa.Column("period_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("start_date", sa.String(length=10), nullable=False),
        sa.Column("end_date", sa.String(length=10), nullable=False),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("result_version", sa.Integer(), nullable=False),
        sa.Column("reopened_reason", sa.Text(), nullable=True),
        sa.Column("late_counted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_input_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("period_id", name=op.f("pk_program_period")),
    )
    op.create_table(
        "release",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scheme_id", sa.String(length=64), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=False),
        sa.Column("result_hash", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("manifest_hash", sa.String(length=64), nullable=False),
        sa.Column("previous_manifest_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_release")),
        sa.UniqueConstraint("manifest_hash", name=op.f("uq_release_manifest_hash")),
        sa.UniqueConstraint("sequence", name=op.f("uq_release_sequence")),
    )
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_release_period_id"), ["period_id"], unique=False)

    op.create_table(
        "run",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_table(
        "ingest_delivery",
        sa.Column(
            "delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("submitter_org_id", sa.String(length=32), nullable=False),
        sa.Column("modified_ns", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["ingest_file.sha256"], name=op.f("fk_ingest_delivery_sha256")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_ingest_delivery")),
    )
    with op.batch_alter_table("ingest_delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ingest_delivery_sha256"), ["sha256"], unique=False)

    op.create_table(
        "ingest_problem",
        sa.Column(
            "problem_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("column_letter", sa.String(length=4), nullable=True),
        sa.Column("column", sa.String(length=64), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["ingest_file.sha256"], name=op.f("fk_ingest_problem_sha256")),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_ingest_problem")),
    )
    with op.batch_alter_table("ingest_problem", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ingest_problem_sha256"), ["sha256"], unique=False)

    op.create_table(
        "release_event",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_release_event_release_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_release_event")),
    )
    with op.batch_alter_table("release_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_release_event_release_id"), ["release_id"], unique=False)

    op.create_table(
        "release_pointer",
        sa.Column("period_id", sa.String(length=64), nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_release_pointer_release_id")),
        sa.PrimaryKeyConstraint("period_id", name=op.f("pk_release_pointer")),
    )
    op.create_table(
        "result_department_item",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("ratee_org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("instrument_id", sa.String(length=255), nullable=False),
        sa.Column("item_id", sa.String(length=255), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=True),
        sa.Column("n_answered", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_dont_know", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_other", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("score_raw_mean", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_department_item_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "release_id",
            "period_id",
            "ratee_org_id",
            "instrument_id",
            "item_id",
            name=op.f("pk_result_department_item"),
        ),
    )
    op.create_table(
        "result_department_score",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("ratee_org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("score_raw_mean", sa.Float(precision=53), nullable=True),
        sa.Column("score_shrunken", sa.Float(precision=53), nullable=True),
        sa.Column("effect", sa.Float(precision=53), nullable=True),
        sa.Column("conditional_sd", sa.Float(precision=53), nullable=True),
        sa.Column("se", sa.Float(precision=53), nullable=True),
        sa.Column("ci_low", sa.Float(precision=53), nullable=True),
        sa.Column("ci_high", sa.Float(precision=53), nullable=True),
        sa.Column("reliability", sa.Float(precision=53), nullable=True),
        sa.Column("n_raters", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_ballots", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("max_unit_share", sa.Float(precision=53), nullable=True),
        sa.Column("dk_share", sa.Float(precision=53), nullable=True),
        sa.Column("component", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_department_score_release_id")
        ),
        sa.PrimaryKeyConstraint("release_id", "period_id", "ratee_org_id", name=op.f("pk_result_department_score")),
    )
    op.create_table(
        "result_satisfaction_mean",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("instrument_id", sa.String(length=255), nullable=False),
        sa.Column("item_id", sa.String(length=255), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=True),
        sa.Column("n_answered", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_dont_know", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_other", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sum_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("mean_score", sa.Float(precision=53), nullable=True),
        sa.Column("mean_0_100", sa.Float(precision=53), nullable=True),
        sa.Column("mean_weighted", sa.Float(precision=53), nullable=True),
        sa.Column("mean_weighted_0_100", sa.Float(precision=53), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_satisfaction_mean_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "org_id", "instrument_id", "item_id", name=op.f("pk_result_satisfaction_mean")
        ),
    )
    op.create_table(
        "result_unit_points",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("indicator_id", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("baseline_period", sa.Text(), nullable=True),
        sa.Column("baseline_value", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column(
            "achievement_threshold", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("benchmark", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("achievement", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("improvement", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("points", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_unit_points_release_id")),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "org_id", "indicator_id", name=op.f("pk_result_unit_points")
        ),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("result_unit_points")
    op.drop_table("result_satisfaction_mean")
    op.drop_table("result_department_score")
    op.drop_table("result_department_item")
    op.drop_table("release_pointer")
    with op.batch_alter_table("release_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_release_event_release_id"))

    op.drop_table("release_event")
    with op.batch_alter_table("ingest_problem", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ingest_problem_sha256"))

    op.drop_table("ingest_problem")
    with op.batch_alter_table("ingest_delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ingest_delivery_sha256"))

    op.drop_table("ingest_delivery")
    op.drop_table("run")
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_release_period_id"))

    op.drop_table("release")
    op.drop_table("program_period")
    op.drop_table("lock")
    op.drop_table("ingest_file")
