"""Is this file a VCF, to the letter?  A strict check of VCF 4.1 to 4.4 with a line number for every fault.

    source       bytes of any container (plain, gzip, BGZF, bzip2) as numbered lines, within limits
    report       problems, and the report they end in
    meta         one `##` line: its structure, and the rules of its kind
    reserved     keys whose meaning the specification fixes, by version
    header       the whole header: version, definitions, columns
    values       types and counts of values
    alleles      REF and ALT, breakends among them
    genotypes    FORMAT and the sample columns
    structural   what VCF 4.4 demands of structural variants and tandem repeats
    ordering     what holds between records: order, contiguity, duplicates
    records      one data line
    bcf          the frame of a binary file
    check        all of it together

A file comes from somebody else and may be hostile: reading is streamed, every line and list is bounded,
and reading stops after a number of problems.  Reasons name columns, keys and sample columns, never a
genotype or a sample's name.  Nothing here knows the node, its store or htslib.

Spec: VCF 4.1, 4.2, 4.3 and 4.4, https://samtools.github.io/hts-specs/
"""

from node.validate.check import validate
from node.validate.report import USUAL, Limits, Problem, ValidationReport

__all__ = ["USUAL", "Limits", "Problem", "ValidationReport", "validate"]
