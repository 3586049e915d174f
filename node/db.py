"""The node's database: tables, connections, migrations.  SQLite in the home by default, by URL otherwise.

SQLAlchemy owns the tables, the migrations and whatever is not hot; the variant store runs a few fixed
statements of its own on the driver connection.  Nothing here knows what a variant means.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Engine

metadata: Final = sa.MetaData()
_MIGRATING: Final = threading.Lock()  # alembic keeps the migration that is running in a global of its own

dataset: Final = sa.Table(
    "dataset",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("assembly", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("description", sa.Text, nullable=False, default=""),
    sa.Column("duo", sa.Text, nullable=False, default="", comment="space-separated DUO codes"),
)

# People of a dataset by dense ordinal: the bit that stands for each in every carrier bitmap.
person: Final = sa.Table(
    "person",
    metadata,
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("sample", sa.Text, nullable=False),
    sa.UniqueConstraint("dataset_no", "sample"),
)

individual: Final = sa.Table(
    "individual",
    metadata,
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("samples", sa.Text, nullable=False, comment="JSON list of sample names"),
    sa.Column("record", sa.Text, nullable=False, comment="Beacon Friendly Format, JSON"),
)

biosample: Final = sa.Table(
    "biosample",
    metadata,
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("individual_id", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False, comment="Beacon Friendly Format, JSON"),
)

# A VCF or BCF whose rows are in the index.  Rows of a file that is not live are never seen.
vcf_file: Final = sa.Table(
    "vcf_file",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True, comment="`seg` of its rows in the index"),
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("records", sa.Integer, nullable=False, default=0),
    sa.Column("alleles", sa.Integer, nullable=False, default=0),
    sa.Column("people", sa.LargeBinary, nullable=False, comment="ordinals it covers, as a bitmap"),
    sa.Column("contigs", sa.Text, nullable=False, default="", comment="contig numbers it has alleles on"),
    sa.Column("levels", sa.Integer, nullable=False, default=0, comment="bit n: it has alleles of level n"),
)

# One row; its number grows whenever a dataset, a person or a file becomes visible or ceases to be.
revision: Final = sa.Table("revision", metadata, sa.Column("number", sa.BigInteger, primary_key=True))

# Sorted by code point on every database.
_BASES: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# One row per allele and file, clustered by place.  See node/store for what the columns mean.
variant: Final = sa.Table(
    "variant",
    metadata,
    sa.Column("bin", sa.BigInteger, primary_key=True),
    sa.Column("start", sa.Integer, primary_key=True),
    sa.Column("end", sa.Integer, primary_key=True),
    sa.Column("ref", _BASES, primary_key=True),
    sa.Column("alt", _BASES, primary_key=True),
    sa.Column("sv_length", sa.Integer, primary_key=True),
    sa.Column("seg", sa.Integer, primary_key=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("anchor", sa.Text, nullable=False),
    sa.Column("ac", sa.Integer, nullable=False),
    sa.Column("an", sa.Integer, nullable=False),
    sa.Column("het", sa.Integer, nullable=False),
    sa.Column("hom", sa.Integer, nullable=False),
    sa.Column("hemi", sa.Integer, nullable=False),
    sa.Column("names", sa.Text, nullable=False),
    sa.Column("filters", sa.Text, nullable=False),
    sa.Column("carriers", sa.LargeBinary, nullable=False),
    sa.Column("homs", sa.LargeBinary),
    sa.Column("hemis", sa.LargeBinary),
    sa.Column("uncalled", sa.LargeBinary),
    sa.Column("single", sa.LargeBinary),
    sa.Column("odd", sa.LargeBinary),
    sqlite_with_rowid=False,
)
sa.Index(
    "variant_long",
    variant.c.level,
    variant.c.bin,
    variant.c.start,
    sqlite_where=variant.c.level > 0,
    postgresql_where=variant.c.level > 0,
)

# Peers added at run time; those of the configuration file stand beside them.
peer: Final = sa.Table(
    "peer",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="public URL"),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column(
        "thumbprints", sa.Text, nullable=False, comment="RFC 7638, space-separated: two during a rotation"
    ),
    sa.Column("suspended", sa.Boolean, nullable=False, default=False),
)


def connect(url: str) -> Engine:
    """An engine for `url`; SQLite gets WAL, foreign keys, a busy timeout, and deleted data overwritten."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's own connection
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; one small read when it is there.  Safe on an empty database.

    Two processes may try at once: the second waits, and finds nothing left to do.
    """
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    config = AlembicConfig()
    config.set_main_option("script_location", scripts.dir)
    with _MIGRATING, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none before a CREATE
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
