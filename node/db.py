"""The node's database: tables, connections, migrations.  SQLite in the home by default, PostgreSQL by URL.

SQLAlchemy owns the tables, the migrations and whatever is not hot; the variant store runs a few fixed
statements of its own on the driver connection.  Nothing here knows what a variant means.

On PostgreSQL with the Citus extension the tables are spread over its workers: those with a bin by it, and a
copy of every other on each.
"""

from __future__ import annotations

import threading
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError

from schemas.errors import BadInput, Place, StoreUnavailable

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

# People of a dataset by dense ordinal: the bit that stands for each in every carrier bitmap.  One who has
# withdrawn leaves his place without a name.
person: Final = sa.Table(
    "person",
    metadata,
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("sample", sa.Text),
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
    sa.Column("dataset_no", sa.Integer, nullable=False),
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
    sa.Column("residue", sa.LargeBinary, comment="ordinals its rows still speak of, but nobody may see"),
    sa.Column("place", sa.Integer, comment="of merged files: the number of the first of them"),
    sa.Column("left_out", sa.Integer, nullable=False, default=0, comment="samples of it that are not held"),
    sa.Column("passed_only", sa.Boolean, nullable=False, default=False),
    sa.Column("fasta", sa.Text, nullable=False, default=""),
)

# A file whose rows stand among those of a merged one.
merged_file: Final = sa.Table(
    "merged_file",
    metadata,
    sa.Column(
        "no", sa.Integer, primary_key=True, autoincrement=False, comment="its number when it was alone"
    ),
    sa.Column("dataset_no", sa.Integer, nullable=False),
    sa.Column("seg", sa.Integer, nullable=False, comment="number of the merged file"),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("alleles", sa.Integer, nullable=False),
    sa.Column("people", sa.LargeBinary, nullable=False, comment="ordinals it covers, hidden ones among them"),
    sa.Column("left_out", sa.Integer, nullable=False),
    sa.Column("passed_only", sa.Boolean, nullable=False),
    sa.Column("fasta", sa.Text, nullable=False),
)

# Names of people who have withdrawn.  What is needed to bring somebody back is there until it is scrubbed;
# the digest stays, so that a file or a record that names him does not bring him back.
withdrawn: Final = sa.Table(
    "withdrawn",
    metadata,
    sa.Column("dataset_no", sa.Integer, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="HMAC of kind and name under the salt"),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("party", sa.Integer, nullable=False, comment="the same for all names of one withdrawal"),
    sa.Column("ordinal", sa.Integer),
    sa.Column("content", sa.Text, comment="kind, and the row that was taken out, as JSON"),
    sa.Column("going", sa.Boolean, nullable=False, default=False, comment="being scrubbed: no way back"),
    sa.Column("at", sa.Text, nullable=False, comment="ISO 8601, UTC"),
)

# One row; its number grows whenever a dataset, a person or a file becomes visible or ceases to be.
revision: Final = sa.Table("revision", metadata, sa.Column("number", sa.BigInteger, primary_key=True))

# Sorted by code point on every database.
_BASES: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# One row per allele and file, clustered by place.  See node/store for what the columns mean.
variant: Final = sa.Table(
    "variant",
    metadata,
    sa.Column("bin", sa.BigInteger, nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("ref", _BASES, nullable=False),
    sa.Column("alt", _BASES, nullable=False),
    sa.Column("sv_length", sa.Integer, nullable=False),
    sa.Column("seg", sa.Integer, nullable=False),
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
    sa.PrimaryKeyConstraint("bin", "start", "end", "ref", "alt", "sv_length", "seg").ddl_if(dialect="sqlite"),
    sqlite_with_rowid=False,
)
# An index of PostgreSQL holds no text of more than 2,700 bytes, and an allele may have more: rows of one
# place are sorted when they are read, and a number made of the two sequences tells them apart.
sa.Index(
    "variant_place",
    variant.c.bin,
    variant.c.start,
    variant.c.end,
    variant.c.sv_length,
    variant.c.seg,
    sa.text("hashtextextended((ref || '>'::text) || alt, 0::bigint)"),
    unique=True,
).ddl_if(dialect="postgresql")
sa.Index(
    "variant_long",
    variant.c.level,
    variant.c.bin,
    variant.c.start,
    sqlite_where=variant.c.level > 0,
    postgresql_where=variant.c.level > 0,
)

# What the files say their alleles do, one row a transcript, clustered by place.  It says nothing of people;
# what nobody carries any more is deleted with its allele.
annotation: Final = sa.Table(
    "annotation",
    metadata,
    sa.Column("bin", sa.BigInteger, nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("ref", _BASES, nullable=False),
    sa.Column("alt", _BASES, nullable=False),
    sa.Column("sv_length", sa.Integer, nullable=False),
    sa.Column("file_no", sa.Integer, nullable=False, comment="of the file, whether it was merged or not"),
    sa.Column("number", sa.Integer, nullable=False, comment="among those of the allele in the file"),
    sa.Column("gene", sa.Text, nullable=False),
    sa.Column("transcript", sa.Text, nullable=False),
    sa.Column("coding", sa.Text, nullable=False),
    sa.Column("protein", sa.Text, nullable=False),
    sa.Column("consequences", sa.Text, nullable=False, comment="joined by &"),
    sa.Column("impact", sa.Text, nullable=False),
    sa.Column("coding_key", sa.Text, nullable=False, comment="its first letters, for the index"),
    sa.Column(
        "change_key", sa.Text, nullable=False, comment="of the protein change in the form of questions"
    ),
    sa.Index("annotation_place", "bin", "start"),
    sa.Index("annotation_gene", "gene", "bin", "start"),
    sa.Index(
        "annotation_coding",
        "coding_key",
        "bin",
        "start",
        sqlite_where=sa.text("coding_key <> ''"),
        postgresql_where=sa.text("coding_key <> ''"),
    ),
    sa.Index(
        "annotation_change",
        "change_key",
        "bin",
        "start",
        sqlite_where=sa.text("change_key <> ''"),
        postgresql_where=sa.text("change_key <> ''"),
    ),
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


_SETTING: Final = Place("varhaven.toml", field="database.url")
_FORMS: Final = "Use sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
_OLDEST_POSTGRESQL: Final = 15
# What a URL may say otherwise.  A server that has gone is noticed in seconds; compiling a plan takes longer
# than anything asked here.
_POSTGRESQL_DEFAULTS: Final = {
    "application_name": "varhaven",
    "connect_timeout": "10",
    "tcp_user_timeout": "20000",
    "options": "-c jit=off",
}


class Turn(IntEnum):
    """What only one process at a time may do to a PostgreSQL database."""

    MIGRATE = 1
    INGEST = 2

    @property
    def text(self) -> str:
        """The two numbers that name the advisory lock."""
        return f"{0x76617268}, {self.value}"


def connect(url: str) -> Engine:
    """An engine for `url`; SQLite gets WAL, foreign keys, a busy timeout, and deleted data overwritten.

    Nothing is opened yet.  Raises BadInput: a database that is not supported; later, when it is opened, for
    one that is too old or does not hold UTF-8.
    """
    try:
        asked = sa.make_url(url)
    except ArgumentError:
        raise BadInput(_SETTING, "is not the URL of a database", _FORMS) from None
    if asked.drivername in ("sqlite", "sqlite+pysqlite"):
        engine = sa.create_engine(asked)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if asked.drivername not in ("postgresql", "postgresql+psycopg"):
        raise BadInput(_SETTING, f"{asked.drivername[:40]!r} is not supported", _FORMS)
    asked = asked.set(drivername="postgresql+psycopg", query={**_POSTGRESQL_DEFAULTS, **asked.query})
    engine = sa.create_engine(asked)
    event.listen(engine, "connect", _look_at_postgresql)
    return engine


def announce(connection: Connection) -> None:
    """Tells every reader, in this process and others, that what is visible has changed."""
    if not connection.execute(sa.update(revision).values(number=revision.c.number + 1)).rowcount:
        connection.execute(sa.insert(revision).values(number=1))


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


def _look_at_postgresql(connection: Any, _record: object) -> None:
    info = connection.info
    refuse_unfit(info.server_version, info.parameter_status("server_encoding") or "")


def refuse_unfit(version: int, encoding: str) -> None:
    """Raises BadInput: PostgreSQL of this version (170002 is 17.2) or encoding cannot hold a node."""
    if version // 10000 < _OLDEST_POSTGRESQL:
        remedy = f"Use PostgreSQL {_OLDEST_POSTGRESQL} or newer."
        raise BadInput(_SETTING, f"the server is PostgreSQL {version // 10000}", remedy)
    if encoding != "UTF8":
        remedy = "Make one with: createdb --encoding=UTF8 --template=template0 NAME"
        raise BadInput(_SETTING, f"the database holds text as {encoding}, not as UTF-8", remedy)


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; a small read or two when it is there.  Safe on an empty one.

    Two processes may try at once: the second waits, and finds nothing left to do.  Raises StoreUnavailable:
    it cannot be opened or changed.
    """
    try:
        _upgrade(engine)
    except DBAPIError as fault:
        # The first line: what follows may quote what was written.
        told = str(fault.orig).strip().split("\n", maxsplit=1)[0]
        where = engine.url.database or engine.url.host or "the database"
        raise StoreUnavailable(f"the database {where} cannot be used: {told}") from None


def _upgrade(engine: Engine) -> None:
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        is_newest = MigrationContext.configure(connection).get_current_revision() == newest
        if is_newest and not _to_spread(connection):
            return
    config = AlembicConfig()
    config.set_main_option("script_location", scripts.dir)
    with _MIGRATING, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none before a CREATE
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({Turn.MIGRATE.text})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for statement in _to_spread(connection):
            connection.exec_driver_sql(statement)
        connection.commit()


def _to_spread(connection: Connection) -> list[str]:
    """What is left to tell Citus of the tables; nothing where there is no Citus."""
    there = "SELECT 1 FROM pg_extension WHERE extname = 'citus'"
    if connection.dialect.name == "sqlite" or connection.exec_driver_sql(there).scalar() is None:
        return []
    spread = set(
        connection.exec_driver_sql("SELECT logicalrelid::regclass::text FROM pg_dist_partition").scalars()
    )
    left = [table for table in metadata.sorted_tables if table.name not in spread]
    return [
        f"SELECT create_distributed_table('{table.name}', 'bin')"
        if "bin" in table.columns
        else f"SELECT create_reference_table('{table.name}')"
        for table in left
    ]
