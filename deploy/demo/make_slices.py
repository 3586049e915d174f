"""Makes the demonstration data of this folder from three larger VCF files of the same people.

    python deploy/demo/make_slices.py DIR

DIR holds `hospital-uk`, `hospital-fi` and `hospital-es`, each with `snv.chr20.b37.vcf.gz` and
`samples.panel.tsv` (sample, population, super population, gender).  The genotypes are cut to one megabase
of chromosome 20 and to the GT field.  The clinical records are invented: drawn by a seeded generator, they
say nothing about the donors.
"""

import json
import random
import sys
from pathlib import Path

import pysam.bcftools

REGION = "20:3000001-4000000"
HOSPITALS = ("uk", "fi", "es")
INVENTED_FEATURES = (
    ("HP:0001250", "Seizure"),
    ("HP:0001263", "Global developmental delay"),
    ("HP:0001251", "Ataxia"),
    ("HP:0001332", "Dystonia"),
    ("HP:0000510", "Rod-cone dystrophy"),
    ("HP:0001903", "Anemia"),
    ("HP:0001638", "Cardiomyopathy"),
    ("HP:0000365", "Hearing impairment"),
)
INVENTED_DISEASES = (
    ("MONDO:0009319", "pantothenate kinase-associated neurodegeneration"),
    ("MONDO:0005015", "diabetes mellitus"),
    ("MONDO:0005044", "hypertensive disorder"),
    ("MONDO:0004979", "asthma"),
)
SEX = {"male": ("NCIT:C20197", "male"), "female": ("NCIT:C16576", "female")}


def slice_genotypes(source: Path, target: Path) -> list[str]:
    """Write the slice and give its sample names."""
    kept = pysam.bcftools.view("-r", REGION, "-Ov", str(source))
    target.with_suffix("").write_text(_without_history(kept), encoding="utf-8")
    pysam.bcftools.annotate(
        "-x",
        "INFO",
        "--no-version",
        "-Oz",
        "-o",
        str(target),
        str(target.with_suffix("")),
        catch_stdout=False,
    )
    target.with_suffix("").unlink()
    with pysam.VariantFile(str(target)) as opened:
        return list(opened.header.samples)


def _without_history(text: str) -> str:
    """Headers of the programs that once handled the file hold paths of other people's machines."""
    kept = [
        line for line in text.splitlines(keepends=True) if not line.startswith(("##bcftools", "##source"))
    ]
    return "".join(kept)


def invent_people(samples: list[str], panel: Path, seed: str) -> list[dict[str, object]]:
    genders = {
        fields[0]: fields[3]
        for fields in (line.split("\t") for line in panel.read_text(encoding="utf-8").splitlines())
        if len(fields) > 3
    }
    chance = random.Random(seed)  # noqa: S311  # invented records, no secret
    return [_invent_one(sample, genders.get(sample, "").strip(), chance) for sample in samples]


def _invent_one(sample: str, gender: str, chance: random.Random) -> dict[str, object]:
    features = chance.sample(INVENTED_FEATURES, chance.choice((0, 0, 1, 2)))
    diseases = chance.sample(INVENTED_DISEASES, chance.choice((0, 0, 0, 1)))
    record: dict[str, object] = {"id": sample, "info": {"invented": True}}
    if gender in SEX:
        curie, label = SEX[gender]
        record["sex"] = {"id": curie, "label": label}
    if features:
        record["phenotypicFeatures"] = [{"featureType": {"id": i, "label": n}} for i, n in features]
    if diseases:
        record["diseases"] = [{"diseaseCode": {"id": i, "label": n}} for i, n in diseases]
    return record


def main(source: Path) -> None:
    here = Path(__file__).parent
    for code in HOSPITALS:
        folder = source / f"hospital-{code}"
        samples = slice_genotypes(folder / "snv.chr20.b37.vcf.gz", here / f"{code}.chr20.b37.vcf.gz")
        people = invent_people(samples, folder / "samples.panel.tsv", seed=code)
        (here / f"{code}.individuals.json").write_text(json.dumps(people, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
