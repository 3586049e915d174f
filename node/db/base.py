"""The one set of tables, which every module of tables beside this one adds to."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData()

# One row; its number grows whenever a dataset, a person or a file becomes visible or ceases to be.
revision: Final = sa.Table("revision", metadata, sa.Column("number", sa.BigInteger, primary_key=True))
