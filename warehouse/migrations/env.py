"""Alembic's entry: run the migrations on the URL it is given."""

from alembic import context

from warehouse.database import writing_engine
from warehouse.tables import metadata


def run() -> None:
    """Apply the migrations in one transaction."""
    engine = writing_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
