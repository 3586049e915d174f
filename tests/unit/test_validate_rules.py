"""Single rules of the strict check: a valid file, one thing broken in it, and the line and reason told."""

from collections.abc import Callable
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.validate import USUAL, Limits, validate
from node.validate.values import expected_count, is_float, is_integer

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=q10,Description="Quality below 10">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth, \\"all\\" reads">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency",Source="x",Version="1">
##INFO=<ID=DB,Number=0,Type=Flag,Description="Known">
##INFO=<ID=NOTE,Number=.,Type=String,Description="Free">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth by allele">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least depth">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##ALT=<ID=NON_REF,Description="Any other">
##contig=<ID=HLA-A*01:01:01:01,length=3503>
##contig=<ID=20,length=64444167,species="Homo sapiens">
##GATKCommandLine.X=<ID=X,CommandLine="a "b" c",Date=today>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	ONE	TWO
"""
RECORDS = """20	100	rs1	A	C,G	50	PASS	DP=10;AF=0.1,0.2;DB	GT:AD:PL	0|1:5,5,0:0,1,2,3,4,5	./.:.:.
20	100	.	AT	A	.	.	.	GT:AD:PL	1:0,9:0,1	0/1/1
20	205	.	N	<NON_REF>	.	q10	NOTE=a,b,c	GT:MIN_DP	0/0:3	.
20	210	.	A	C[21:5[	.	.	.	GT	0/1	0/0
"""
LINES = (HEADER + RECORDS).splitlines()
FIRST = HEADER.count("\n") + 1  # the line of the first record


def checked(folder: Path, content: str | bytes, name: str = "a.vcf", limits: Limits = USUAL):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return validate(path, limits)


@pytest.mark.parametrize("version", ["4.2", "4.3"])
def test_the_file_that_the_others_are_made_of_is_valid(tmp_path, version):
    report = checked(tmp_path, (HEADER + RECORDS).replace("VCFv4.2", f"VCFv{version}"))
    assert (report.valid, report.problems) == (True, ())
    windows = checked(tmp_path, (HEADER + RECORDS).replace("\n", "\r\n"))
    assert windows.valid


@pytest.mark.parametrize(
    ("line", "was", "becomes", "reason"),
    [
        (1, "VCFv4.2", "VCFv4.9", "not supported"),
        (1, "##fileformat", "##format", "first line must be"),
        (2, "##FILTER=<", "##FILTER=", "must be written as"),
        (2, "##FILTER", "#FILTER", "column names must be"),
        (3, "\\", "", "structure of INFO is broken"),
        (3, "Number=1", "Number=2", "INFO DP must have Number=1"),
        (3, "Integer", "integer", "Type is not one of"),
        (4, "Number=A,Type=Float", "Type=Float,Number=A", "in this order"),
        (4, "ID=AF,", "", "INFO has no ID"),
        (5, ",Description", ",ID=x,Description", "says ID twice"),
        (7, "Type=String", "Type=Flag", "Type is not one of"),
        (8, "=R", "=r", "Number must be"),
        (8, "=R", "=²", "Number must be"),
        (13, "64444167", "long", "contig length"),
        (13, "ID=20", "ID=2 0", "holds a blank"),
        (14, "##", "", "must begin with ##"),
        (15, "FORMAT", "FORMATS", "ninth column"),
        (15, "TWO", "ONE", "same name"),
        (15, "\tTWO", "", "11 columns, and the header has 10"),
        (FIRST, "20\t", "2 0\t", "CHROM"),
        (FIRST, "\t100\t", "\t-100\t", "POS"),
        (FIRST, "rs1", "rs1;", "ID holds an empty entry"),
        (FIRST, "\tA\t", "\tR\t", "REF"),
        (FIRST, "C,G", "C,", "ALT"),
        (FIRST, "C,G", "C,A", "same as REF"),
        (FIRST, "C,G", "C,C", "has already"),
        (FIRST, "\t50\t", "\t-1\t", "QUAL"),
        (FIRST, "\t50\t", "\tfifty\t", "QUAL"),
        (FIRST, "PASS", "PASS;.", "FILTER"),
        (FIRST, "PASS", "0", "FILTER"),
        (FIRST, "DP=10", "DP=1e1", "INFO DP holds a value that is not of type Integer"),
        (FIRST, "DP=10", "DP=99999999999999999999", "INFO DP"),
        (FIRST, "DP=10", "DP", "INFO DP has no value"),
        (FIRST, "DP=10", "DP=-10", "must not be negative"),
        (FIRST, "DP=10", "D P=10", "INFO holds an empty key"),
        (FIRST, "DP=10", "DP=1 0", "must be encoded"),
        (FIRST, "0.1,0.2", "0.1", "INFO AF must hold 2 values, not 1"),
        (FIRST, "DB", "DB=yes", "INFO DB"),
        (FIRST, "GT:AD:PL", "AD:GT:PL", "GT must come first"),
        (FIRST, "GT:AD:PL", "GT:AD:AD", "a key twice"),
        (FIRST, "GT:AD:PL", "GT:A D:PL", "FORMAT holds an empty key"),
        (FIRST, "GT:AD:PL", "GT:A_D:PL", "FORMAT holds an empty key"),
        (FIRST, "0|1", "0|3", "sample column 1: GT names an allele"),
        (FIRST, "0|1", "0|", "sample column 1: GT is not a genotype"),
        (FIRST, "0|1", "0x1", "sample column 1: GT is not a genotype"),
        (FIRST, "5,5,0", "5,5", "sample column 1: AD must hold 3 values, not 2"),
        (FIRST, "0,1,2,3,4,5", "0,1,2", "sample column 1: PL must hold 6 values, not 3"),
        (FIRST, "./.:.:.", "./.:.:.:.", "sample column 2: more values"),
        (FIRST, "./.:.:.", "", "a column is empty"),
        (FIRST + 1, "1:0,9:0,1", "1:0,9:0,1,2", "PL must hold 2 values, not 3"),
        (FIRST + 2, "<NON_REF>", "<NON REF>", "ALT"),
        (FIRST + 2, "\t205\t", "\t99\t", "smaller than"),
        (FIRST + 3, "C[21:5[", "C[21:5]", "ALT"),
        (FIRST + 3, "C[21:5[", "[21:5[", "ALT"),
        (FIRST + 3, "C[21:5[", "C[21[", "ALT"),
        (FIRST + 3, "20\t210", "21\t1\t.\tA\tC\t.\t.\t.\tGT\t0\t0\n20\t210", "do not stand together"),
        (FIRST + 3, "20\t210", "\n20\t210", "empty line"),
    ],
)
def test_what_is_broken_is_told_by_line(tmp_path, line, was, becomes, reason):
    assert was in LINES[line - 1]
    lines = [*LINES]
    lines[line - 1] = lines[line - 1].replace(was, becomes, 1)
    report = checked(tmp_path, "\n".join(lines) + "\n")
    assert not report.valid
    told = report.problems[0]
    assert reason in told.reason
    later = 1 if "do not stand" in reason or "11 columns" in reason else 0
    assert told.line == line + later


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("SVLEN=30;SVCLAIM=D", ""),
        ("SVCLAIM=D", "SVLEN must tell the length"),
        ("SVLEN=30", "SVCLAIM does not fit"),
        ("SVLEN=30;SVCLAIM=D,J", "INFO SVCLAIM must hold 1 value, not 2"),
        ("SVLEN=30;SVCLAIM=D;CIPOS=-5,5", ""),
        ("SVLEN=30;SVCLAIM=D;CIPOS=-5", "INFO CIPOS must hold 2"),
        ("SVLEN=30;SVCLAIM=D;CICN=1,2", "interval around zero"),
        ("SVLEN=30;SVCLAIM=D;DP=1;DP=1", "a key twice"),
    ],
)
def test_structural_variants_of_version_44(tmp_path, info, reason):
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    record = f"1\t10\t.\tA\t<DEL>\t.\t.\t{info}"
    report = checked(tmp_path, f"##fileformat=VCFv4.4\n{columns}\n{record}\n")
    assert report.valid == (not reason)
    assert not reason or any(reason in problem.reason for problem in report.problems)
    older = checked(tmp_path, f"##fileformat=VCFv4.2\n{columns}\n1\t10\t.\tA\t<DEL>\t.\t.\tSVCLAIM=D\n")
    assert older.valid


def test_a_repeated_allele_is_found_in_any_spelling(tmp_path):
    def body(*alleles: str) -> str:
        rows = (f"1\t{allele}\t.\t.\t." for allele in alleles)
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
        return "\n".join(["##fileformat=VCFv4.2", columns, *rows]) + "\n"

    assert checked(tmp_path, body("5\t.\tCAT\tCGT", "6\t.\tA\tT")).valid
    report = checked(tmp_path, body("5\t.\tCAT\tCGT", "6\t.\ta\tg"))
    assert [(problem.line, "has already" in problem.reason) for problem in report.problems] == [(4, True)]
    assert checked(tmp_path, body("5\t.\tC\t<DUP>", "5\t.\tC\t<DUP>")).valid


def test_reading_stops_when_there_is_nothing_more_to_learn(tmp_path):
    report = checked(tmp_path, HEADER + "x\n" * 1000, limits=Limits(problems=5))
    assert len(report.problems) == 6
    assert "reading stopped" in report.problems[-1].reason


def test_no_value_of_a_sample_stands_in_a_reason(tmp_path):
    broken = RECORDS.replace("0|1", "0|SECRET7").replace("DP=10", "DP=SECRET8").replace("5,5,0", "SECRET9")
    report = checked(tmp_path, HEADER.replace("ONE", "SECRET1").replace("TWO", "SECRET1") + broken)
    assert len(report.problems) >= 4
    assert not any("SECRET" in problem.reason for problem in report.problems)


def genotype_orders(alternates: int, ploidy: int) -> int:
    return len(list(combinations_with_replacement(range(alternates + 1), ploidy)))


@given(alternates=st.integers(1, 5), ploidy=st.integers(1, 4))
def test_counts_by_genotype_are_those_of_enumeration(alternates, ploidy):
    assert expected_count("G", alternates, ploidy) == genotype_orders(alternates, ploidy)
    assert expected_count("R", alternates, ploidy) == alternates + 1
    assert expected_count(".", alternates, ploidy) is None


@given(st.integers(-(2**32), 2**32))
def test_integers_are_those_the_binary_form_can_hold(number):
    assert is_integer(str(number)) == (-(2**31) + 8 <= number < 2**31)


@given(st.text(alphabet="0123456789.eE+-infaNxX _", max_size=8))
def test_what_is_a_number_here_is_one_to_python(text):
    def reads(convert: Callable[[str], object]) -> bool:
        try:
            convert(text)
        except ValueError:
            return False
        return True

    assert not is_integer(text) or reads(int)
    assert not is_float(text) or reads(float)


names = st.sampled_from(["A", "C", "G", "T", "N", "AC", "<DEL>", "*", "]1:5]A", ".A"])


@st.composite
def valid_files(draw: st.DrawFn) -> str:
    """A VCF made by the rules: as many values as alleles and genotypes ask for, positions ascending."""
    samples = draw(st.integers(0, 3))
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    if samples:
        columns += "\tFORMAT\t" + "\t".join(f"S{n}" for n in range(samples))
    rows = []
    for number in range(draw(st.integers(0, 5))):
        alternates = draw(st.lists(names, max_size=3, unique=True))
        # REF of two bases that no ALT above can be equal to or repeat when trimmed.
        row = ["20", str(10 * number + draw(st.integers(0, 3))), ".", "TG", ",".join(alternates) or "."]
        row += [
            draw(st.sampled_from([".", "0", "1.5e3", "inf"])),
            draw(st.sampled_from([".", "PASS", "q10"])),
        ]
        frequencies = ",".join("0.5" for _ in alternates)
        row.append(";".join(["DP=3", *([f"AF={frequencies}"] if alternates else [])]))
        if samples:
            row.append("GT:AD:PL")
        for _ in range(samples):
            indices = st.one_of(st.just("."), st.integers(0, len(alternates)).map(str))
            copies = draw(st.lists(indices, min_size=1, max_size=3))
            genotype = draw(st.sampled_from("/|")).join(copies)
            likelihoods = ["7"] * genotype_orders(len(alternates), len(copies))
            depths = ["3"] * (len(alternates) + 1)
            if genotype == ".":
                likelihoods = ["."]
            row.append(":".join([genotype, ",".join(depths), ",".join(likelihoods)]))
        rows.append("\t".join(row))
    version = draw(st.sampled_from(["4.2", "4.3"]))
    header = HEADER.replace("4.2", version).rsplit("#CHROM", 1)[0]
    return "\n".join([header + columns, *rows]) + "\n"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=valid_files())
def test_what_is_made_by_the_rules_is_valid(tmp_path, content):
    assert checked(tmp_path, content).problems == ()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), fresh=st.binary(max_size=12))
def test_any_damage_ends_in_a_report(tmp_path, data, fresh):
    content = (HEADER + RECORDS).encode()
    place = data.draw(st.integers(0, len(content)))
    removed = data.draw(st.integers(0, 40))
    damaged = content[:place] + fresh + content[place + removed :]
    version = data.draw(st.sampled_from([b"4.1", b"4.2", b"4.3", b"4.4"]))
    report = checked(tmp_path, damaged.replace(b"VCFv4.2", b"VCFv" + version))
    assert report.valid == (not report.problems)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", b"##fileformat=VCFv4.3\n", b"\x1f\x8b\x08", b"BZh9", b"BCF\x02\x02", b"PK"]),
    rest=st.binary(max_size=300),
)
def test_any_bytes_end_in_a_report(tmp_path, start, rest):
    assert not checked(tmp_path, start + rest).valid
