"""results of the whole method."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "result_adjustment_applied",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("adjustment_id", sa.String(length=255), nullable=False),
        sa.Column("adj_kind", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("before", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("after", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("decision_doc_no", sa.Text(), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_adjustment_applied_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "adjustment_id", "what", name=op.f("pk_result_adjustment_applied")
        ),
    )
    op.create_table(
        "result_anomaly_flag",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("subject_kind", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("flag", sa.String(length=255), nullable=False),
        sa.Column("n_flagged", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n_examined", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("statistic", sa.Float(precision=53), nullable=True),
        sa.Column("threshold", sa.Float(precision=53), nullable=True),
        sa.Column("p_value", sa.Float(precision=53), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("score_without", sa.Float(precision=53), nullable=True),
        sa.Column("score_difference", sa.Float(precision=53), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_anomaly_flag_release_id")),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "subject_kind", "org_id", "flag", name=op.f("pk_result_anomaly_flag")
        ),
    )
    op.create_table(
        "result_bonus",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("base_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("factor", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("cap_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("paid_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_bonus_release_id")),
        sa.PrimaryKeyConstraint("release_id", "period_id", "org_id", name=op.f("pk_result_bonus")),
    )
    op.create_table(
        "result_bonus_pool",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("peer_group", sa.String(length=255), nullable=False),
        sa.Column("pool_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("base_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reserve_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("paid_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unspent_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_price", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_bonus_pool_release_id")),
        sa.PrimaryKeyConstraint("release_id", "period_id", "peer_group", name=op.f("pk_result_bonus_pool")),
    )
    op.create_table(
        "result_department_composite",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("ratee_org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column(
            "reverse_rating_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("burden_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("response_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column(
            "composite_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("se", sa.Float(precision=53), nullable=True),
        sa.Column(
            "observed_weight", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False
        ),
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n_ranked", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_department_composite_release_id")
        ),
        sa.PrimaryKeyConstraint("release_id", "period_id", "ratee_org_id", name=op.f("pk_result_department_composite")),
    )
    op.create_table(
        "result_effective_weight",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("peer_group", sa.String(length=255), nullable=False),
        sa.Column("part", sa.String(length=255), nullable=False),
        sa.Column("weight", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("effective_weight", sa.Float(precision=53), nullable=True),
        sa.Column("n_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_effective_weight_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "peer_group", "part", name=op.f("pk_result_effective_weight")
        ),
    )
    op.create_table(
        "result_frame_member",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("other_org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("months", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by_org_id", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_frame_member_release_id")),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "role", "org_id", "other_org_id", name=op.f("pk_result_frame_member")
        ),
    )
    op.create_table(
        "result_frame_turnout",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=False),
        sa.Column("stratum", sa.String(length=255), nullable=False),
        sa.Column("n_eligible_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n_rated_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n_eligible_raters", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n_raters", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("turnout", sa.Float(precision=53), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_frame_turnout_release_id")
        ),
        sa.PrimaryKeyConstraint("release_id", "period_id", "role", "stratum", name=op.f("pk_result_frame_turnout")),
    )
    op.create_table(
        "result_incentive_score",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column(
            "differentiated_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("adder", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column(
            "incentive_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("p_within_quota", sa.Float(precision=53), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("tier_uncapped", sa.Text(), nullable=True),
        sa.Column("red_line_id", sa.Text(), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_incentive_score_release_id")
        ),
        sa.PrimaryKeyConstraint("release_id", "period_id", "org_id", name=op.f("pk_result_incentive_score")),
    )
    op.create_table(
        "result_unit_cell",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("achievement_kind", sa.String(length=255), nullable=False),
        sa.Column("track", sa.String(length=255), nullable=False),
        sa.Column("n_indicators", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_scored", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "observed_weight", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False
        ),
        sa.Column("cell_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_unit_cell_release_id")),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "org_id", "achievement_kind", "track", name=op.f("pk_result_unit_cell")
        ),
    )
    op.create_table(
        "result_unit_indicator",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("indicator_id", sa.String(length=255), nullable=False),
        sa.Column("achievement_kind", sa.Text(), nullable=True),
        sa.Column("track", sa.Text(), nullable=True),
        sa.Column("nature", sa.Text(), nullable=True),
        sa.Column("weight", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("value", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("baseline_period", sa.Text(), nullable=True),
        sa.Column("baseline_value", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("minimum", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("floor", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column(
            "achievement_threshold", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("benchmark", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("level", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("improvement", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("score100", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_unit_indicator_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "release_id", "period_id", "org_id", "indicator_id", name=op.f("pk_result_unit_indicator")
        ),
    )
    op.create_table(
        "result_unit_satisfaction",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column("n_respondents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n_eff", sa.Float(precision=53), nullable=True),
        sa.Column("response_rate", sa.Float(precision=53), nullable=True),
        sa.Column("mean_0_100", sa.Float(precision=53), nullable=True),
        sa.Column("se", sa.Float(precision=53), nullable=True),
        sa.Column("gamma", sa.Float(precision=53), nullable=True),
        sa.Column(
            "satisfaction_mean", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("eb_se", sa.Float(precision=53), nullable=True),
        sa.Column("ci_low", sa.Float(precision=53), nullable=True),
        sa.Column("ci_high", sa.Float(precision=53), nullable=True),
        sa.Column("early_late_difference", sa.Float(precision=53), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_result_unit_satisfaction_release_id")
        ),
        sa.PrimaryKeyConstraint("release_id", "period_id", "org_id", name=op.f("pk_result_unit_satisfaction")),
    )
    op.create_table(
        "result_unit_score",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("period_id", sa.String(length=255), nullable=False),
        sa.Column("org_id", sa.String(length=255), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("peer_group", sa.Text(), nullable=True),
        sa.Column(
            "satisfaction_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("visible_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("latent_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("results_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("list_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("process_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("raw_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column(
            "differentiated_score", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("se", sa.Float(precision=53), nullable=True),
        sa.Column(
            "observed_weight", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=False
        ),
        sa.Column("peer_mean", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("peer_median", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("percentile", sa.Numeric(precision=18, scale=6).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rank_low", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rank_high", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("p_within_quota", sa.Float(precision=53), nullable=True),
        sa.Column("n_ranked", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("z", sa.Float(precision=53), nullable=True),
        sa.Column("reason_codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_result_unit_score_release_id")),
        sa.PrimaryKeyConstraint("release_id", "period_id", "org_id", name=op.f("pk_result_unit_score")),
    )
    with op.batch_alter_table("result_department_score", schema=None) as batch_op:
        batch_op.add_column(sa.Column("score_adjusted", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("rank_low", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("rank_high", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("p_top", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("p_bottom", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("consequence", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("result_department_score", schema=None) as batch_op:
        batch_op.drop_column("consequence")
        batch_op.drop_column("p_bottom")
        batch_op.drop_column("p_top")
        batch_op.drop_column("rank_high")
        batch_op.drop_column("rank_low")
        batch_op.drop_column("score_adjusted")

    op.drop_table("result_unit_score")
    op.drop_table("result_unit_satisfaction")
    op.drop_table("result_unit_indicator")
    op.drop_table("result_unit_cell")
    op.drop_table("result_incentive_score")
    op.drop_table("result_frame_turnout")
    op.drop_table("result_frame_member")
    op.drop_table("result_effective_weight")
    op.drop_table("result_department_composite")
    op.drop_table("result_bonus_pool")
    op.drop_table("result_bonus")
    op.drop_table("result_anomaly_flag")
    op.drop_table("result_adjustment_applied")
