"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("assembly", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("duo", sa.Text(), nullable=False, comment="space-separated DUO codes"),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "revision", sa.Column("number", sa.BigInteger(), nullable=False), sa.PrimaryKeyConstraint("number")
    )
    op.create_table(
        "variant",
        sa.Column("bin", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("alt", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("sv_length", sa.Integer(), nullable=False),
        sa.Column("seg", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("ac", sa.Integer(), nullable=False),
        sa.Column("an", sa.Integer(), nullable=False),
        sa.Column("het", sa.Integer(), nullable=False),
        sa.Column("hom", sa.Integer(), nullable=False),
        sa.Column("hemi", sa.Integer(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=True),
        sa.Column(
            "margins",
            sa.Text(),
            nullable=True,
            comment="of both ends, four numbers; null where they are exact",
        ),
        sa.Column("carriers", sa.LargeBinary(), nullable=False),
        sa.Column("homs", sa.LargeBinary(), nullable=True),
        sa.Column("hemis", sa.LargeBinary(), nullable=True),
        sa.Column("uncalled", sa.LargeBinary(), nullable=True),
        sa.Column("single", sa.LargeBinary(), nullable=True),
        sa.Column("odd", sa.LargeBinary(), nullable=True),
        sa.Column("phase", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("bin", "start", "end", "ref", "alt", "sv_length", "seg").ddl_if(
            dialect="sqlite"
        ),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "variant_place",
            "variant",
            [
                "bin",
                "start",
                "end",
                "sv_length",
                "seg",
                sa.text("hashtextextended((ref || '>'::text) || alt, 0::bigint)"),
            ],
            unique=True,
        )
    op.create_index(
        "variant_long",
        "variant",
        ["level", "bin", "start"],
        unique=False,
        sqlite_where=sa.text("level > 0"),
        postgresql_where=sa.text("level > 0"),
    )
    op.create_table(
        "biosample",
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("individual_id", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False, comment="Beacon Friendly Format, JSON"),
        sa.ForeignKeyConstraint(
            ["dataset_no"],
            ["dataset.no"],
        ),
        sa.PrimaryKeyConstraint("dataset_no", "id"),
    )
    op.create_table(
        "individual",
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column(
            "karyotype", sa.Text(), nullable=False, comment="of X and Y as recorded, such as XY; or empty"
        ),
        sa.Column("samples", sa.Text(), nullable=False, comment="JSON list of sample names"),
        sa.Column("record", sa.Text(), nullable=False, comment="Beacon Friendly Format, JSON"),
        sa.ForeignKeyConstraint(
            ["dataset_no"],
            ["dataset.no"],
        ),
        sa.PrimaryKeyConstraint("dataset_no", "id"),
    )
    op.create_table(
        "person",
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_no"],
            ["dataset.no"],
        ),
        sa.PrimaryKeyConstraint("dataset_no", "ordinal"),
        sa.UniqueConstraint("dataset_no", "sample"),
    )
    op.create_table(
        "vcf_file",
        sa.Column("no", sa.Integer(), nullable=False, comment="`seg` of its rows in the index"),
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("alleles", sa.Integer(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False, comment="ordinals it covers, as a bitmap"),
        sa.Column("contigs", sa.Text(), nullable=False, comment="contig numbers it has alleles on"),
        sa.Column("levels", sa.Integer(), nullable=False, comment="bit n: it has alleles of level n"),
        sa.Column(
            "residue",
            sa.LargeBinary(),
            nullable=True,
            comment="ordinals its rows still speak of, but nobody may see",
        ),
        sa.Column(
            "place", sa.Integer(), nullable=True, comment="of merged files: the number of the first of them"
        ),
        sa.Column("left_out", sa.Integer(), nullable=False, comment="samples of it that are not held"),
        sa.Column("passed_only", sa.Boolean(), nullable=False),
        sa.Column("least_quality", sa.Double(), nullable=False),
        sa.Column("fasta", sa.Text(), nullable=False),
        sa.Column("of_sites", sa.Boolean(), nullable=False, comment="no samples: counts of INFO"),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_table(
        "merged_file",
        sa.Column(
            "no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="its number when it was alone",
        ),
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("seg", sa.Integer(), nullable=False, comment="number of the merged file"),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("alleles", sa.Integer(), nullable=False),
        sa.Column(
            "people",
            sa.LargeBinary(),
            nullable=False,
            comment="ordinals it covers, hidden ones among them",
        ),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("passed_only", sa.Boolean(), nullable=False),
        sa.Column("least_quality", sa.Double(), nullable=False),
        sa.Column("fasta", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_table(
        "withdrawn",
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="HMAC of kind and name under the salt"),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("party", sa.Integer(), nullable=False, comment="the same for all names of one withdrawal"),
        sa.Column("ordinal", sa.Integer(), nullable=True),
        sa.Column(
            "content", sa.Text(), nullable=True, comment="kind, and the row that was taken out, as JSON"
        ),
        sa.Column("going", sa.Boolean(), nullable=False, comment="being scrubbed: no way back"),
        sa.Column("at", sa.Text(), nullable=False, comment="ISO 8601, UTC"),
        sa.PrimaryKeyConstraint("dataset_no", "digest"),
    )
    op.create_table(
        "annotation",
        sa.Column("bin", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("alt", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("sv_length", sa.Integer(), nullable=False),
        sa.Column(
            "file_no", sa.Integer(), nullable=False, comment="of the file, whether it was merged or not"
        ),
        sa.Column("number", sa.Integer(), nullable=False, comment="among those of the allele in the file"),
        sa.Column("gene", sa.Text(), nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.Column("coding", sa.Text(), nullable=False),
        sa.Column("protein", sa.Text(), nullable=False),
        sa.Column("consequences", sa.Text(), nullable=False, comment="joined by &"),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("coding_key", sa.Text(), nullable=False, comment="its first letters, for the index"),
        sa.Column(
            "change_key", sa.Text(), nullable=False, comment="of the protein change in the form of questions"
        ),
    )
    op.create_index("annotation_place", "annotation", ["bin", "start"])
    op.create_index("annotation_gene", "annotation", ["gene", "bin", "start"])
    for name in ("coding", "change"):
        op.create_index(
            f"annotation_{name}",
            "annotation",
            [f"{name}_key", "bin", "start"],
            sqlite_where=sa.text(f"{name}_key <> ''"),
            postgresql_where=sa.text(f"{name}_key <> ''"),
        )
    op.create_table(
        "coverage",
        sa.Column("bin", sa.BigInteger(), nullable=False),
        sa.Column(
            "file_no", sa.Integer(), nullable=False, comment="of the file, whether it was merged or not"
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("copies", sa.SmallInteger(), nullable=False, comment="called alleles of the person there"),
        sa.Column(
            "spans", sa.LargeBinary(), nullable=False, comment="left and right of each, little-endian u32"
        ),
    )
    op.create_index("coverage_place", "coverage", ["bin"])
