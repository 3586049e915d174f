"""An invented clinic: 60 people whose records use every part of the model, their samples and genotypes.

Made anew from the same seed every time.  `records` and `samples` are plain JSON values and `vcf` plain text,
so that a test can work out by itself what a question should give.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]

SEXES = (("NCIT:C16576", "female"), ("NCIT:C20197", "male"), ("NCIT:C17998", "Unknown"))
ORIGINS = (("GAZ:00002641", "England"), ("GAZ:00002640", "Wales"))
ETHNICITIES = (("NCIT:C42331", "African"), ("NCIT:C41261", "British"))
FEATURES = (
    ("HP:0001250", "Seizure"),
    ("HP:0007359", "Focal-onset seizure"),
    ("HP:0011153", "Focal motor seizure"),
    ("HP:0001251", "Ataxia"),
    ("HP:0000510", "Rod-cone dystrophy"),
)
DISEASES = (
    ("MONDO:0005015", "diabetes mellitus"),
    ("MONDO:0005147", "type 1 diabetes mellitus"),
    ("MONDO:0004979", "asthma"),
    ("ICD10:F20", "schizophrenia"),
)
SEVERITIES = (("HP:0012825", "Mild"), ("HP:0012828", "Severe"))
TISSUES = (("UBERON:0000178", "blood"), ("UBERON:0002107", "liver"))
BODY_SITES = (("UBERON:0001155", "colon"), ("UBERON:0002107", "liver"))
STATUSES = (("EFO:0009654", "reference sample"), ("EFO:0009656", "neoplastic sample"))
KILOGRAM = {"id": "NCIT:C28252", "label": "Kilogram"}
GRAM = {"id": "NCIT:C48155", "label": "Gram"}
PEOPLE = 60
SITES = 40


def term(pair: tuple[str, str]) -> JSON:
    return {"id": pair[0], "label": pair[1]}


@dataclass(frozen=True)
class Clinic:
    """records, samples: Beacon Friendly Format.  genotyped: names in the VCF, the last two of strangers."""

    records: list[JSON]
    samples: list[JSON]
    genotyped: list[str]
    genotypes: list[list[str]]

    @property
    def vcf(self) -> str:
        lines = [
            "##fileformat=VCFv4.2",
            "##contig=<ID=20>",
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">',
        ]
        fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        lines.append("\t".join([*fixed, *self.genotyped]))
        for number, calls in enumerate(self.genotypes):
            at = ["20", str(1000 + 10 * number), ".", "A", "C", ".", "PASS", ".", "GT"]
            lines.append("\t".join([*at, *calls]))
        return "\n".join(lines) + "\n"

    def carriers(self, site: int) -> set[str]:
        """Samples with the alternate allele of a site."""
        return {name for name, call in zip(self.genotyped, self.genotypes[site], strict=True) if "1" in call}

    def owner(self, sample: str) -> str:
        """Whose a sample is; an unknown one is of somebody who is called as it is."""
        return next((s["individualId"] for s in self.samples if s["id"] == sample), sample)

    def samples_of(self, person: str) -> list[JSON]:
        return [sample for sample in self.samples if sample["individualId"] == person]


def a_clinic(seed: int = 7) -> Clinic:
    dice = random.Random(seed)  # no secret
    records = [_person(dice, number) for number in range(PEOPLE)]
    samples = [sample for number in range(PEOPLE) for sample in _samples(dice, number)]
    genotyped = [sample["id"] for sample in samples if dice.random() < 0.8] + ["X1", "X2"]
    genotypes = [[dice.choice(("0/0", "0/0", "0/1", "1/1", "./.")) for _ in genotyped] for _ in range(SITES)]
    return Clinic(records, samples, genotyped, genotypes)


def _person(dice: random.Random, number: int) -> JSON:
    name = f"P{number:02}"
    person: JSON = {"id": name, "sex": term(dice.choice(SEXES))}
    if dice.random() < 0.7:
        person["geographicOrigin"] = term(dice.choice(ORIGINS))
    if dice.random() < 0.7:
        person["ethnicity"] = term(dice.choice(ETHNICITIES))
    if dice.random() < 0.5:
        person["karyotypicSex"] = dice.choice(("XX", "XY", "XXY"))
    person["diseases"] = [_disease(dice) for _ in range(dice.randrange(3))]
    person["phenotypicFeatures"] = [_feature(dice) for _ in range(dice.randrange(4))]
    person["measures"] = _measures(dice)
    if dice.random() < 0.4:
        person["treatments"] = [
            {
                "treatmentCode": term(("NCIT:C287", "Aspirin")),
                "ageAtOnset": {"iso8601duration": f"P{dice.randrange(10, 80)}Y"},
                "cumulativeDose": {"unit": GRAM, "value": dice.randrange(1, 9)},
            }
        ]
    if dice.random() < 0.4:
        person["exposures"] = [
            {
                "exposureCode": term(("NCIT:C154329", "Smoking")),
                "ageAtExposure": {"iso8601duration": f"P{dice.randrange(10, 40)}Y"},
                "duration": f"P{dice.randrange(1, 30)}M",
                "unit": {"id": "NCIT:C67193", "label": "Cigarettes"},
                "value": dice.randrange(1, 40),
            }
        ]
    if dice.random() < 0.4:
        person["interventionsOrProcedures"] = [
            {
                "procedureCode": term(("NCIT:C15189", "Biopsy")),
                "bodySite": term(dice.choice(BODY_SITES)),
                "dateOfProcedure": f"20{dice.randrange(10, 24)}-0{dice.randrange(1, 10)}-15",
            }
        ]
    if dice.random() < 0.3:
        person["pedigrees"] = [_pedigree(dice, name)]
    person["info"] = {"batch": dice.choice(("north", "south")), "plate": number % 7}
    return person


def _disease(dice: random.Random) -> JSON:
    disease: JSON = {"diseaseCode": term(dice.choice(DISEASES))}
    chance = dice.random()
    if chance < 0.4:
        disease["ageOfOnset"] = {"iso8601duration": f"P{dice.randrange(80)}Y{dice.randrange(12)}M"}
    elif chance < 0.6:
        first = dice.randrange(60)
        disease["ageOfOnset"] = {
            "start": {"iso8601duration": f"P{first}Y"},
            "end": {"iso8601duration": f"P{first + dice.randrange(1, 20)}Y"},
        }
    if dice.random() < 0.5:
        disease["familyHistory"] = dice.random() < 0.5
    return disease


def _feature(dice: random.Random) -> JSON:
    feature: JSON = {"featureType": term(dice.choice(FEATURES))}
    if dice.random() < 0.3:
        feature["excluded"] = True
    if dice.random() < 0.4:
        feature["severity"] = term(dice.choice(SEVERITIES))
    if dice.random() < 0.4:
        feature["onset"] = {"iso8601duration": f"P{dice.randrange(50)}Y"}
    return feature


def _measures(dice: random.Random) -> list[JSON]:
    weight = round(dice.uniform(40, 120), 1)
    in_grams = dice.random() < 0.3
    value = {"unit": GRAM, "value": weight * 1000} if in_grams else {"unit": KILOGRAM, "value": weight}
    measures: list[JSON] = [
        {
            "assayCode": term(("LOINC:3141-9", "Weight")),
            "date": f"202{dice.randrange(3)}-{dice.randrange(1, 13):02}-05",
            "measurementValue": value,
        }
    ]
    if dice.random() < 0.5:
        measures.append(
            {
                "assayCode": term(("LOINC:55284-4", "Blood pressure")),
                "measurementValue": {
                    "typedQuantities": [
                        {
                            "quantityType": term(("LOINC:8480-6", "Systolic")),
                            "quantity": {
                                "unit": {"id": "NCIT:C49670", "label": "Millimeter of Mercury"},
                                "value": dice.randrange(90, 180),
                            },
                        }
                    ]
                },
            }
        )
    return measures


def _pedigree(dice: random.Random, name: str) -> JSON:
    return {
        "id": f"F-{name}",
        "disease": {"diseaseCode": term(("OMIM:164400", "Spinocerebellar ataxia 1"))},
        "members": [
            {
                "memberId": name,
                "role": term(("NCIT:C96572", "Biological Father")),
                "affected": dice.random() < 0.5,
            },
            {"memberId": f"F-{name}-1", "role": term(("NCIT:C64435", "Proband")), "affected": True},
        ],
        "numSubjects": dice.randrange(2, 9),
    }


def _samples(dice: random.Random, number: int) -> list[JSON]:
    return [
        {
            "id": f"S{number:02}{letter}",
            "individualId": f"P{number:02}",
            "biosampleStatus": term(dice.choice(STATUSES)),
            "sampleOriginType": term(dice.choice(TISSUES)),
            "collectionDate": f"201{dice.randrange(10)}-06-0{dice.randrange(1, 10)}",
            "collectionMoment": f"P{dice.randrange(80)}Y",
        }
        for letter in "ab"[: dice.choice((0, 1, 1, 2))]
    ]
