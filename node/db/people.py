"""Tables of datasets and of the people in them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

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
    sa.Column("karyotype", sa.Text, nullable=False, comment="of X and Y as recorded, such as XY; or empty"),
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

# Who may be found by his genotype, and what may be told of him; nobody who is not here.
finding_consent: Final = sa.Table(
    "finding_consent",
    metadata,
    sa.Column("dataset_no", sa.Integer, sa.ForeignKey("dataset.no"), primary_key=True),
    sa.Column("individual", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, nullable=False, comment="count, contact or variant"),
    sa.Column("at", sa.Text, nullable=False, comment="ISO 8601, UTC"),
)
