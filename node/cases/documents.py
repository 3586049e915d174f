"""Cases from files: Matchmaker Exchange JSON (one, a list, or a line each) and phenopackets.

A patient without a contact gets the one that is given; whatever else is wrong is told with its place.

Spec: https://github.com/ga4gh/mme-apis (search-api.md); Phenopackets v2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from node.people.members import Member, read_bytes
from node.people.phenopacket import in_form
from schemas.curies import curie
from schemas.errors import BadInput, BadQuestion, Place, Unprocessable
from schemas.genome import Assembly, Contig, Interval
from schemas.matching import Sharing
from schemas.mme import Contact, Patient, read_patient

_SHARING: Final = "_sharing"  # our own extension: the consent level that a file states
_ZYGOSITIES: Final = {"GENO:0000135": 1, "GENO:0000134": 1, "GENO:0000136": 2}
_SEXES: Final = {"FEMALE": "FEMALE", "MALE": "MALE", "OTHER_SEX": "OTHER"}
_DISEASES: Final = ("OMIM:", "ORPHA:")


@dataclass(frozen=True, slots=True)
class ReadCase:
    """A patient of a file; sharing: the consent level it states for him, None when it states none."""

    patient: Patient
    sharing: Sharing | None = None


def read_cases(path: Path, contact: Contact) -> Iterator[ReadCase]:
    """Every patient in `path`, in its order; of a file with a line each, one line at a time is understood.

    Raises BadInput: cannot be read, holds no patient, the same id twice, or one that cannot be understood.
    """
    yield from read_cases_in(read_bytes(path), str(path), contact)


def read_cases_in(content: bytes, file: str, contact: Contact) -> Iterator[ReadCase]:
    """The same of what stands in a file.  file: how it is called in errors."""
    seen: set[str] = set()
    for source in _documents(content.removeprefix(b"\xef\xbb\xbf"), file):
        one = _read(source, contact)
        if one.patient.id in seen:
            raise BadInput(Place(file), "the same id stands twice in this file", "Leave one of the two.")
        seen.add(one.patient.id)
        yield one
    if not seen:
        raise BadInput(Place(file), "no patient in this file", "Give Matchmaker Exchange JSON.")


def _documents(content: bytes, file: str) -> Iterator[Member]:
    """The documents of a file: those of a list, one alone, or one a line."""
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError as fault:
        if not content.lstrip().startswith(b"{") or b"\n" not in content.strip():
            raise _no_json(file, fault.lineno, fault) from None
    else:
        if isinstance(whole, list):
            yield from Member(whole, file).each("patient")
        else:
            yield Member(whole, file)
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                yield Member(orjson.loads(line), file, f"line {number}")
            except orjson.JSONDecodeError as fault:
                raise _no_json(file, number, fault) from None


def _no_json(file: str, number: int, fault: orjson.JSONDecodeError) -> BadInput:
    return BadInput(Place(file, number), f"not JSON ({fault.msg.split(':')[0]})", "Correct the file.")


def _read(source: Member, contact: Contact) -> ReadCase:
    document = dict(source.members())
    inner = document.get("patient")
    if isinstance(inner, dict):
        document = dict(inner)
    elif "subject" in document or "phenotypicFeatures" in document or "phenotypic_features" in document:
        document = _from_packet(
            Member(in_form(Member(document, source.file, source.field)), source.file, source.field)
        )
    stated = document.pop(_SHARING, None)
    document.setdefault("contact", contact.document())
    if stated is not None and stated not in set(Sharing):
        levels = ", ".join(Sharing)
        raise source.refuse(f"{_SHARING} is not a consent level", f"Write one of {levels}.")
    try:
        return ReadCase(read_patient(document), None if stated is None else Sharing(str(stated)))
    except Unprocessable as fault:
        remedy = "The specification of Matchmaker Exchange says what is meant."
        raise source.refuse(fault.message, remedy) from None


# ------------------------------------------------------------------------------------------ phenopackets


def _from_packet(packet: Member) -> dict[str, Any]:
    """The patient of a phenopacket: what the exchange has a place for."""
    subject = packet.get("subject")
    onsets = [onset for onset in map(_onset, _each(packet, "diseases")) if onset]
    named = packet.get("id") or (subject.need("id") if subject else packet.need("id"))
    return {
        "id": named.text(),
        "sex": _SEXES.get(_text(packet, "subject", "sex")),
        "ageOfOnset": onsets[0] if onsets else None,
        "features": [_feature(one) for one in _each(packet, "phenotypicFeatures")],
        "disorders": [found for one in _each(packet, "diseases") if (found := _disorder(one))],
        "genomicFeatures": [
            found
            for interpretation in _each(packet, "interpretations")
            for diagnosis in _maybe(interpretation, "diagnosis")
            for one in _each(diagnosis, "genomicInterpretations")
            if (found := _genomic(one))
        ],
    }


def _maybe(source: Member, name: str) -> Iterator[Member]:
    found = source.get(name)
    if found is not None:
        yield found


def _each(source: Member, name: str) -> Iterator[Member]:
    for listed in _maybe(source, name):
        yield from listed.each()


def _text(source: Member, *way: str) -> str:
    """The text at the end of `way`; "" where there is none."""
    here: Member | None = source
    for name in way:
        here = here.get(name) if here is not None else None
    return here.text() if here is not None else ""


def _feature(source: Member) -> dict[str, Any]:
    excluded = source.get("excluded")
    return {
        "id": source.need("type").need("id").text(),
        "label": _text(source, "type", "label") or None,
        "observed": "no" if excluded is not None and excluded.flag() else "yes",
        "ageOfOnset": _onset(source),
    }


def _onset(source: Member) -> str | None:
    term = _text(source, "onset", "ontologyClass", "id")
    return term if term.startswith("HP:") else None


def _disorder(source: Member) -> dict[str, Any] | None:
    excluded = source.get("excluded")
    named = curie(_text(source, "term", "id")) or ""
    if (excluded is not None and excluded.flag()) or not named.startswith(_DISEASES):
        return None
    return {"id": named, "label": _text(source, "term", "label") or None}


def _genomic(source: Member) -> dict[str, Any] | None:
    """The gene of an interpretation, with its variant where there is one; None where it names no gene."""
    gene = source.get("gene")
    if gene is not None:
        return {"gene": {"id": _gene(gene)}}
    for interpretation in _maybe(source, "variantInterpretation"):
        for variation in _maybe(interpretation, "variationDescriptor"):
            for context in _maybe(variation, "geneContext"):
                return {"gene": {"id": _gene(context)}, **_change(variation)}
    return None


def _change(variation: Member) -> dict[str, Any]:
    kind = _text(variation, "structuralType", "id")
    variant = next(filter(None, map(_variant, _maybe(variation, "vcfRecord"))), None)
    protein = next(filter(None, map(_protein, _each(variation, "expressions"))), None)
    return {
        "variant": variant,
        **({"_hgvsp": protein} if protein else {}),
        "zygosity": _ZYGOSITIES.get(_text(variation, "allelicState", "id")),
        "type": {"id": kind} if kind.startswith("SO:") else None,
    }


def _protein(expression: Member) -> str | None:
    """What becomes of the protein, in HGVS, where an expression tells it."""
    return _text(expression, "value") if _text(expression, "syntax") == "hgvs.p" else None


def _gene(descriptor: Member) -> str:
    return _text(descriptor, "symbol") or descriptor.need("valueId").text()


def _variant(record: Member) -> Mapping[str, Any] | None:
    """A VCF record, which counts from 1, as the exchange has it; None where the node knows no such place."""
    reference, alternate = record.need("ref").text().upper(), record.need("alt").text().upper()
    try:
        first = int(str(record.need("pos").value))
        assembly = Assembly.read(record.need("genomeAssembly").text())
        contig = Contig.read(record.need("chrom").text(), assembly)
        place = Interval.from_one_based(contig, first, first + len(reference) - 1)
    except (BadQuestion, ValueError):
        return None
    return {
        "assembly": str(assembly),
        "referenceName": contig.name,
        "start": place.start,
        "end": place.end,
        "referenceBases": reference,
        "alternateBases": alternate,
    }
