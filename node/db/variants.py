"""Tables of the variant store: registered files, alleles with their carriers, annotation."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

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
    sa.Column("least_quality", sa.Double, nullable=False, default=0.0),
    sa.Column("fasta", sa.Text, nullable=False, default=""),
    sa.Column("of_sites", sa.Boolean, nullable=False, default=False, comment="no samples: counts of INFO"),
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
    sa.Column("least_quality", sa.Double, nullable=False),
    sa.Column("fasta", sa.Text, nullable=False),
)

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
    sa.Column("quality", sa.Double),
    sa.Column("margins", sa.Text, comment="of both ends, four numbers; null where they are exact"),
    sa.Column("carriers", sa.LargeBinary, nullable=False),
    sa.Column("homs", sa.LargeBinary),
    sa.Column("hemis", sa.LargeBinary),
    sa.Column("uncalled", sa.LargeBinary),
    sa.Column("single", sa.LargeBinary),
    sa.Column("odd", sa.LargeBinary),
    sa.Column("phase", sa.LargeBinary),
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

# Where the files say of people that they were looked at.
coverage: Final = sa.Table(
    "coverage",
    metadata,
    sa.Column("bin", sa.BigInteger, nullable=False),
    sa.Column("file_no", sa.Integer, nullable=False, comment="of the file, whether it was merged or not"),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("copies", sa.SmallInteger, nullable=False, comment="called alleles of the person there"),
    sa.Column("spans", sa.LargeBinary, nullable=False, comment="left and right of each, little-endian u32"),
    sa.Index("coverage_place", "bin"),
)
