"""Alembic migrations of the node's database: one linear history for every engine."""
