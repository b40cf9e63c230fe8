"""People and their sign-ins, the annotators' queue, the outbox; what a vote says beyond its choice."""

import sqlalchemy as sa
from alembic import op

from storage.append_only import make_append_only_again


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('person',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('must_change', sa.Boolean(), nullable=False),
    sa.Column('added_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_person'))
    )
    op.create_table('prompt',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('fact', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('wording', sa.Text(), nullable=False),
    sa.Column('added_by', sa.Text(), nullable=False),
    sa.Column('added_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prompt')),
    sa.UniqueConstraint('text', name=op.f('uq_prompt_text'))
    )
    op.create_table('sign_in',
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('made_at', sa.DateTime(), nullable=False),
    sa.Column('ends_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['person.key'], name=op.f('fk_sign_in_person_person'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_sign_in'))
    )
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_person'), ['person'], unique=False)

    op.create_table('task',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('prompt', sa.Text(), nullable=False),
    sa.Column('left', sa.Text(), nullable=False),
    sa.Column('right', sa.Text(), nullable=False),
    sa.Column('wanted', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('comparison', sa.Text(), nullable=True),
    sa.Column('failure', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['comparison'], ['comparison.id'], name=op.f('fk_task_comparison_comparison')),
    sa.ForeignKeyConstraint(['prompt'], ['prompt.id'], name=op.f('fk_task_prompt_prompt')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('prompt', 'left', 'right', name=op.f('uq_task_prompt_left_right'))
    )
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_comparison'), ['comparison'], unique=False)
        batch_op.create_index(batch_op.f('ix_task_state'), ['state'], unique=False)

    op.create_table('ballot',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('task', sa.Text(), nullable=False),
    sa.Column('comparison', sa.Text(), nullable=False),
    sa.Column('annotator', sa.Text(), nullable=False),
    sa.Column('swapped', sa.Boolean(), nullable=False),
    sa.Column('plain', sa.Boolean(), nullable=False),
    sa.Column('repeats', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('choice', sa.Text(), nullable=False),
    sa.Column('skip_reason', sa.Text(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('correct_answer', sa.Text(), server_default='', nullable=False),
    sa.Column('reserved_at', sa.DateTime(), nullable=False),
    sa.Column('expires_at', sa.DateTime(), nullable=False),
    sa.Column('closed_at', sa.DateTime(), nullable=True),
    sa.Column('seconds', sa.Float(), nullable=True),
    sa.Column('hasty', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['comparison'], ['comparison.id'], name=op.f('fk_ballot_comparison_comparison')),
    sa.ForeignKeyConstraint(['task'], ['task.id'], name=op.f('fk_ballot_task_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ballot')),
    sa.UniqueConstraint('task', 'annotator', 'repeats', name=op.f('uq_ballot_task_annotator_repeats'))
    )
    with op.batch_alter_table('ballot', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ballot_annotator'), ['annotator'], unique=False)
        batch_op.create_index(batch_op.f('ix_ballot_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_ballot_task'), ['task'], unique=False)

    op.create_table('outbox',
    sa.Column('number', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('cast', sa.Integer(), nullable=False),
    sa.Column('sent_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['cast'], ['vote_history.number'], name=op.f('fk_outbox_cast_vote_history')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_outbox')),
    sa.UniqueConstraint('cast', name=op.f('uq_outbox_cast'))
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outbox_sent_at'), ['sent_at'], unique=False)
    op.execute('INSERT INTO outbox ("cast") SELECT number FROM vote_history ORDER BY number')

    with op.batch_alter_table('vote', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reasons', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('correct_answer', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('ballot', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('seconds', sa.Float(), nullable=True))

    with op.batch_alter_table('vote_history', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reasons', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('correct_answer', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('ballot', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('seconds', sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('vote_history', schema=None) as batch_op:
        batch_op.drop_column('seconds')
        batch_op.drop_column('ballot')
        batch_op.drop_column('correct_answer')
        batch_op.drop_column('reasons')

    make_append_only_again('vote_history')
    with op.batch_alter_table('vote', schema=None) as batch_op:
        batch_op.drop_column('seconds')
        batch_op.drop_column('ballot')
        batch_op.drop_column('correct_answer')
        batch_op.drop_column('reasons')

    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_sent_at'))

    op.drop_table('outbox')
    with op.batch_alter_table('ballot', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ballot_task'))
        batch_op.drop_index(batch_op.f('ix_ballot_state'))
        batch_op.drop_index(batch_op.f('ix_ballot_annotator'))

    op.drop_table('ballot')
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_task_state'))
        batch_op.drop_index(batch_op.f('ix_task_comparison'))

    op.drop_table('task')
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_person'))

    op.drop_table('sign_in')
    op.drop_table('prompt')
    op.drop_table('person')