"""A variant as an entry: the bases, the place and the counts, as a VCF line has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.records import Telling, allele_named, internal_id, records_of
from schemas.genome import Allele, Interval, Margins
from schemas.ports import Counts, Variant
from schemas.vrs import allele_id
from tests.worlds_beacon import CHR20, DATASETS, ITPA, MT, SHAPES, snv

OPEN = DATASETS[2]


def a_record(variant: Variant):
    (record,) = records_of([variant], Telling(OPEN, "https://a.example.org/beacon/datasets"))
    return record


def test_a_substitution() -> None:
    assert a_record(ITPA) == {
        "variantInternalId": "GRCh38:20:3213196:C:A",
        "variation": {
            "variantType": "SNP",
            "referenceBases": "C",
            "alternateBases": "A",
            "location": {
                "type": "SequenceLocation",
                "sequence_id": "refseq:NC_000020.11",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": 3213195},
                    "end": {"type": "Number", "value": 3213196},
                },
            },
        },
        "identifiers": {
            "genomicHGVSId": "NC_000020.11:g.3213196C>A",
            "variantAlternativeIds": [
                {"id": "dbSNP:rs1127354", "notes": "dbSNP id"},
                {"id": allele_id(ITPA.allele.interval, "A"), "notes": "VRS 1.3"},
            ],
        },
        "frequencyInPopulations": [
            {
                "source": "Open genomes",
                "sourceReference": "https://a.example.org/beacon/datasets",
                "frequencies": [
                    {
                        "population": "Open genomes",
                        "alleleFrequency": 10 / 182,
                        "alleleCount": 10,
                        "alleleNumber": 182,
                        "alleleCountHeterozygous": 10,
                        "alleleCountHomozygous": 0,
                        "alleleCountHemizygous": 0,
                    }
                ],
            }
        ],
        "info": {"vcfFilter": ["PASS"]},
    }


def test_mitochondrial_positions_are_named_m() -> None:
    record = a_record(Variant(snv(3_243, "A", "G", MT), Counts(1, 91, 0, 0, 1)))
    assert record["identifiers"]["genomicHGVSId"] == "NC_012920.1:m.3243A>G"


bases = st.text("ACGT", min_size=1, max_size=6)


@given(st.integers(1, 1_000_000), bases, bases)
def test_the_location_covers_the_bases_shown(first: int, reference: str, alternate: str) -> None:
    """Whatever the padding; and the bases shown are those of the VCF line, trimmed to its anchor."""
    if reference == alternate:
        return
    allele = Allele.from_vcf(CHR20, first, reference, alternate)
    variation = a_record(Variant(allele, Counts(1, 2, 1, 0, 0)))["variation"]
    interval = variation["location"]["interval"]
    shown, left = variation["referenceBases"], interval["start"]["value"]
    assert interval["end"]["value"] - left == len(shown)
    offset = left - (first - 1)
    assert reference[offset : offset + len(shown)] == shown
    if offset >= 0:
        tail = len(reference) - offset - len(shown)
        assert (
            reference[:offset] + variation["alternateBases"] + reference[len(reference) - tail :] == alternate
        )


@pytest.mark.parametrize(
    ("allele", "kind", "text", "place"),
    [
        (SHAPES[4].allele, "DEL", "<DEL>", (5_100, 5_400)),
        (SHAPES[5].allele, "DUP:TANDEM", "<DUP:TANDEM>", (5_200, 5_500)),
        (SHAPES[6].allele, "INS", "<INS:ME:ALU>", (5_300, 5_300)),
        (SHAPES[7].allele, "BND", "N[chr2:321[", (5_350, 5_351)),
    ],
)
def test_a_symbolic_allele_keeps_its_vcf_text(allele, kind, text, place) -> None:
    variation = a_record(Variant(allele, Counts(1, 2, 1, 0, 0)))["variation"]
    interval = variation["location"]["interval"]
    assert (variation["variantType"], variation["alternateBases"]) == (kind, "")
    assert "referenceBases" not in variation
    assert variation["info"]["vcfAlt"] == text
    assert (interval["start"]["value"], interval["end"]["value"]) == place


def test_uncertain_ends_are_ranges() -> None:
    """0-based, both bounds included; a point has one range, and none reaches beyond the contig."""
    deletion = Allele(Interval(CHR20, 5_100, 5_400), "", "<DEL>", margins=Margins(-50, 20, 0, 0))
    variation = a_record(Variant(deletion, Counts(1, 2, 1, 0, 0)))["variation"]
    assert variation["location"]["interval"] == {
        "type": "SequenceInterval",
        "start": {"type": "DefiniteRange", "min": 5_050, "max": 5_120},
        "end": {"type": "Number", "value": 5_400},
    }
    assert variation["info"] == {"vcfAlt": "<DEL>", "estimate": {"start": 5_100, "end": 5_400}}
    breakend = Allele(Interval(CHR20, 10, 10), "", "N.", "N", margins=Margins(-50, 20, -50, 20))
    variation = a_record(Variant(breakend, Counts(1, 2, 1, 0, 0)))["variation"]
    place = {"type": "DefiniteRange", "min": 0, "max": 30}
    assert (variation["variantType"], variation["location"]["interval"]["start"]) == ("BND", place)
    assert variation["location"]["interval"]["end"] == place


def test_identifiers_tell_alleles_apart_and_nothing_else() -> None:
    alleles = [variant.allele for variant in (ITPA, *SHAPES)]
    alleles += [
        Allele.symbolic(Interval(CHR20, 5_300, 5_300), "<INS:ME:ALU>", sv_length_bp=500),
        Allele.symbolic(Interval(CHR20, 5_100, 5_401), "<DEL>"),
        Allele.symbolic(Interval(CHR20, 5_350, 5_350), "N."),
        Allele.symbolic(Interval(CHR20, 5_350, 5_350), ".N"),
    ]
    assert len({internal_id(allele) for allele in alleles}) == len(alleles)
    assert [allele_named(internal_id(allele)) for allele in alleles] == alleles
    padded = Allele.from_vcf(CHR20, 5_008, "GAATG", "GAA")
    assert internal_id(padded) == internal_id(Allele.from_vcf(CHR20, 5_010, "ATG", "A"))
