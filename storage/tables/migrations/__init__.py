"""The history of our tables, in steps that alembic takes."""
