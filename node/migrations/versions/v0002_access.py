"""Access: who may sign in, with what, and the log of what was answered."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
