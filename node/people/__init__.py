"""The people of a dataset: read from the files hospitals hold, kept as Beacon Friendly Format records.

    members       a JSON value that knows where in which file it stands
    terms         spellings: CURIEs, and the words and codes for sex
    records       what a Beacon Friendly Format record must be, and the `Individual` it stands for
    bff phenopacket pedigree table workbook fhir    one reader a file format, each giving a `Batch` of records
    actions       what phenopackets tell of treatment and kinship
    coding        FHIR data types as ontology terms, quantities and ages
    leaving       whoever has withdrawn is left out
    keeping       the two tables: import, and reading back

Nothing here knows of consent, of genotypes beyond the names of genotyped samples, or of who is asking.
"""

from node.people.formats import Format
from node.people.keeping import PeopleReport, biosamples, import_people, people
from node.people.table import template
from node.people.workbook import workbook_template

__all__ = [
    "Format",
    "PeopleReport",
    "biosamples",
    "import_people",
    "people",
    "template",
    "workbook_template",
]
