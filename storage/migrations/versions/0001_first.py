"""Comparisons, answers, passages, votes and their history, which two triggers keep append-only."""

import sqlalchemy as sa
from alembic import op

from storage.append_only import forget_append_only, make_append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comparison",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("left", sa.Text(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("histories", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
    )
    op.create_index("ix_comparison_asked_at", "comparison", ["asked_at"])
    op.create_table(
        "answer",
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("contestant", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("queue", sa.Float(), nullable=True),
        sa.Column("retrieval", sa.Float(), nullable=True),
        sa.Column("first_token", sa.Float(), nullable=True),
        sa.Column("total", sa.Float(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("answer_tokens", sa.Integer(), nullable=False),
        sa.Column("contended", sa.Boolean(), nullable=False),
        sa.Column("retrieved", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("identity", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["comparison"], ["comparison.id"], name=op.f("fk_answer_comparison_comparison")),
        sa.PrimaryKeyConstraint("comparison", "contestant", name=op.f("pk_answer")),
    )
    op.create_table(
        "vote",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cast_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("choice IN ('left', 'right', 'tie', 'both bad')", name=op.f("ck_vote_choice")),
        sa.ForeignKeyConstraint(["comparison"], ["comparison.id"], name=op.f("fk_vote_comparison_comparison")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote")),
        sa.UniqueConstraint("comparison", "annotator", name=op.f("uq_vote_comparison_annotator")),
    )
    op.create_table(
        "passage",
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("contestant", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("used", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison", "contestant"],
            ["answer.comparison", "answer.contestant"],
            name=op.f("fk_passage_comparison_contestant_answer"),
        ),
        sa.PrimaryKeyConstraint("comparison", "contestant", "rank", name=op.f("pk_passage")),
    )
    op.create_table(
        "vote_history",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("vote", sa.Text(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cast_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("choice IN ('left', 'right', 'tie', 'both bad')", name=op.f("ck_vote_history_choice")),
        sa.ForeignKeyConstraint(["comparison"], ["comparison.id"], name=op.f("fk_vote_history_comparison_comparison")),
        sa.ForeignKeyConstraint(["vote"], ["vote.id"], name=op.f("fk_vote_history_vote_vote")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_vote_history")),
    )
    op.create_index("ix_vote_history_comparison", "vote_history", ["comparison"])
    make_append_only("vote_history")


def downgrade() -> None:
    op.drop_table("vote_history")
    op.drop_table("passage")
    op.drop_table("vote")
    op.drop_table("answer")
    op.drop_table("comparison")
    forget_append_only()
