"""The strict check against files that others labelled, and against real genomes."""

from pathlib import Path

import pytest

from node.validate import validate

# Labelled as valid, and not accepted here.
NOT_ACCEPTED = {
    "ebi_v4.4_passed_body_sample_format_CICN.vcf": "a genotype `0/0|` ends in a sign with no allele after it",
    "spec_v4.5_zero_length_LAA.vcf": "version 4.5; the check knows 4.1 to 4.4",
}
# Labelled as invalid, and accepted here.
NOT_REFUSED = {
    "spec_v4.2_failed_body_chrom_001.vcf": "a colon in a contig name: forbidden in 4.2, allowed since, in the"
    " names of HLA contigs of every GRCh38 file, and labelled as valid in ebi_v4.2_passed_body_chrom.vcf",
}
# Real files that break what their own header or the specification says.
REAL_FAULTS = {
    "ashk-trio.vcf.gz": "FORMAT Number must be",  # Number=R in a 4.1 file
    "chr20.eur300.b37.upstream.vcf.gz": "INFO AC must have Number=A",
    "gnomad_cnv_v4.0.chr1.grch38.vcf.gz": "INFO Genes must hold 1 value",
    "gnomad_mtdna_v3.1.grch38.vcf.gz": "must be ##key=value",
}
GATK_LISTS = "INFO AS_"  # declared with one value, written with several


@pytest.fixture(scope="module")
def corpus(shared: Path) -> Path:
    return shared / "data" / "vcf-corpus"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_every_valid_file_is_accepted(corpus):
    reports = {path.name: validate(path) for path in files(corpus / "passed")}
    assert len(reports) >= 79
    refused = {name: report.problems[0] for name, report in reports.items() if not report.valid}
    assert set(refused) == set(NOT_ACCEPTED), refused


def test_every_invalid_file_is_refused_with_line_and_reason(corpus):
    paths = files(corpus / "failed")
    reports = {path.name: validate(path) for path in paths}
    accepted = {name for name, report in reports.items() if report.valid}
    assert accepted == set(NOT_REFUSED)
    assert len(accepted) <= len(reports) / 100
    for path in paths:
        lines = path.read_bytes().count(b"\n") + 1
        for problem in reports[path.name].problems:
            assert problem.reason
            assert 0 <= problem.line <= lines


def test_files_nobody_labelled_neither_crash_nor_hang(corpus):
    reports = [validate(path) for path in files(corpus / "misc")]
    assert len(reports) >= 300
    assert {report.valid for report in reports} == {True, False}


def test_containers_are_read_or_named(corpus):
    for path in files(corpus / "containers" / "readable"):
        report = validate(path)
        assert report.valid == ("_passed_" in path.name), path.name
        assert all(problem.line for problem in report.problems)
    for path in files(corpus / "containers" / "unreadable"):
        (problem,) = validate(path).problems
        assert problem.line == 0
        assert "only plain text, gzip, BGZF and bzip2 are read" in problem.reason


def test_real_genomes_are_valid_or_break_their_own_rules(shared):
    folders = [shared / "data" / "network", shared / "data" / "extra"]
    paths = sorted(path for folder in folders for path in folder.rglob("*.vcf.gz"))
    assert len(paths) >= 30
    for path in paths:
        report = validate(path)
        reasons = {problem.reason for problem in report.problems}
        if path.name in REAL_FAULTS:
            assert any(REAL_FAULTS[path.name] in reason for reason in reasons)
        else:
            assert {reason for reason in reasons if not reason.startswith(GATK_LISTS)} <= _MORE, path.name


_MORE = {"there are more problems; reading stopped here"}
