"""Variations in VRS 2, as the reference implementation (ga4gh.vrs 2.3.3) normalises and names them."""

from typing import Any

import pytest

from beacon.records import Telling, records_of
from beacon.variation import SCHEMA, asks_for_vrs2, vrs2_of
from schemas.genome import Allele, Interval, Margins, symbol_of_total
from schemas.ports import Counts, Variant
from tests.worlds_beacon import CHR20, DATASETS

BASES = "TTGACAGCAGCAGCAGTTAAAAACGTGTCCATG"
FIRST = 1000


class Around:
    """`schemas.reference.Sequences` of 33 bases, and N elsewhere."""

    def bases(self, interval: Interval) -> str | None:
        places = range(interval.start - FIRST, interval.end - FIRST)
        return "".join(BASES[at] if 0 <= at < len(BASES) else "N" for at in places)


def allele_at(start: int, end: int, alternate: str) -> Allele:
    return Allele.from_bases(Interval(CHR20, start, end), BASES[start - FIRST : end - FIRST], alternate)


@pytest.mark.parametrize(
    ("change", "place", "bases", "length", "unit", "name"),
    [
        ((1003, 1004, "G"), (1003, 1004), "G", None, None, "fAaimvi0fZbdvdlxLZlY5olimN-Ufj-0"),
        ((1003, 1005, "GT"), (1003, 1005), "GT", None, None, "yILpb6g5QpCj1_BWJz9JT_zYhWQuY55s"),
        ((1004, 1007, ""), (1004, 1016), "CAG" * 3, 9, 3, "FBv02dcb5yz1R25V3lRaMfcHo0wXvuE8"),
        ((1007, 1007, "CAG"), (1004, 1016), "CAG" * 5, 15, 3, "zBqKfWvrNnD_qVcLQonH0NPp1jBTPCXH"),
        ((1007, 1007, "CAGCAG"), (1004, 1016), "CAG" * 6, 18, 6, "v4QIQVUr7V2STiT5gjwBsmNXZvQc6Ow_"),
        ((1007, 1007, "CA"), (1007, 1009), "CACA", 4, 2, "j0ouEex1RSaZhor4UbE10R0pFAKCHy1S"),
        ((1018, 1018, "A"), (1018, 1023), "AAAAAA", 6, 1, "m9Ktj_sa-1hD7LPHmucxVkKOxGBA21jV"),
        ((1018, 1020, ""), (1018, 1023), "AAA", 3, 2, "CuWY47-dbnXuTGCSC7qggC53BhjfvxcC"),
        ((1026, 1026, "GGG"), (1026, 1027), "GGGG", 4, 1, "cFHd_KCmYSe3Z5ia6YVkqnG1qZO1imQN"),
        ((1028, 1030, ""), (1028, 1030), "", 0, 2, "-1yLraT-5g2gV829RcPwGNgBB6Kzto-6"),
        ((1010, 1010, "GCA"), (1010, 1010), "GCA", None, None, "d0PFlhxweYp0yp3AoxkTPghvzzOAnn4g"),
    ],
)
def test_alleles(
    change: tuple[int, int, str],
    place: tuple[int, int],
    bases: str,
    length: int | None,
    unit: int | None,
    name: str,
) -> None:
    told = vrs2_of(allele_at(*change), Around())
    assert told is not None
    assert (told["id"], told["type"]) == (f"ga4gh:VA.{name}", "Allele")
    assert (told["location"]["start"], told["location"]["end"]) == place
    state = told["state"]
    assert (state["sequence"], state.get("length"), state.get("repeatSubunitLength")) == (bases, length, unit)


@pytest.mark.parametrize(
    ("symbol", "length_bp", "change", "name"),
    [
        ("<DEL>", 100, "loss", "xOkY40OcVGH3tPN9Qq_uAHMa3ViDCdjI"),
        ("<DUP>", 50, "gain", "CaI4c0wWMNdXFU86ufXtpq60hGU7iZLP"),
        ("<CN0>", 20, "loss", "PfrtZ0KQGVQDzSbFYIBlYsn5dOMDYyW7"),
        ("<CN3>", 20, "gain", "IoKeDT3EWcf0JYb5mE8wmNZX5yhKZMSn"),
    ],
)
def test_changes_of_copy_number(symbol: str, length_bp: int, change: str, name: str) -> None:
    told = vrs2_of(Allele.symbolic(Interval(CHR20, 2000, 2000 + length_bp), symbol), None)
    assert told is not None
    assert (told["id"], told["type"], told["copyChange"]) == (f"ga4gh:CX.{name}", "CopyNumberChange", change)


@pytest.mark.parametrize(
    ("symbol", "margins", "bounds", "name"),
    [
        ("<DEL>", (-50, 10, -10, 50), ([1950, 2010], [2090, 2150]), "W2rYm9JE8PRf62Oqu3eFgnJelAuKvZX9"),
        ("<DUP>", (0, 0, 0, 50), (2000, [2100, 2150]), "GhTVGkPX2kxdpBRwlvz08_KBCsmaFJ4c"),
    ],
)
def test_uncertain_ends(symbol: str, margins: tuple[int, ...], bounds: tuple[Any, Any], name: str) -> None:
    told = vrs2_of(Allele(Interval(CHR20, 2000, 2100), "", symbol, margins=Margins(*margins)), None)
    assert told is not None
    assert told["id"] == f"ga4gh:CX.{name}"
    assert (told["location"]["start"], told["location"]["end"]) == bounds


@pytest.mark.parametrize(
    ("copies", "margins", "name"),
    [
        (0, None, "hXWzhOwcVq2x6CItDw_25WlqwX8ItsJ6"),
        (1, None, "FW4oDKWYSIQYZANuy6th5o9McvXRyl-9"),
        (15, None, "yms5Nh92NhAGfWNLUMGvnUjWofVtygKR"),
        (3, Margins(0, 0, 0, 50), "b3g9FMLRUQEfxhi6ZrqBoDRK9PixI-mH"),
    ],
)
def test_numbers_of_copies(copies: int, margins: Margins | None, name: str) -> None:
    symbol = symbol_of_total(copies)
    told = vrs2_of(Allele(Interval(CHR20, 2000, 2100), "", symbol, margins=margins), None)
    assert told is not None
    assert (told["id"], told["type"], told["copies"]) == (f"ga4gh:CN.{name}", "CopyNumberCount", copies)


def test_what_vrs2_has_no_form_for_stays_in_the_form_of_beacon() -> None:
    inverted = Allele.symbolic(Interval(CHR20, 2000, 2005), "<INV>")
    assert vrs2_of(inverted, None) is None
    assert vrs2_of(allele_at(1004, 1007, ""), None) is None  # the bases around it are not known
    (record,) = records_of(
        [Variant(inverted, Counts(1, 2, 1, 0, 0))], Telling(DATASETS[2], "https://a", in_vrs2=True)
    )
    assert record["variation"]["variantType"] == "INV"


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (SCHEMA, True),
        ("https://w3id.org/ga4gh/schema/vrs/2.0.1/json/Allele", True),
        ("https://w3id.org/ga4gh/schema/vrs/2.x/json/Allele", True),
        ("https://w3id.org/ga4gh/schema/vrs/1.3/vrs.json", False),
        ("https://w3id.org/ga4gh/schema/vrs/20/x", False),
        ("ga4gh-beacon-variant-v2.1.0", False),
        ("", False),
    ],
)
def test_who_asks_for_it(schema: str, wanted: bool) -> None:
    assert asks_for_vrs2(schema) is wanted
