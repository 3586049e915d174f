"""What was done for the people of phenopackets, and how they are related, in the names of Beacon.

A procedure and a radiation therapy become an entry of `interventionsOrProcedures`, a treatment and a
therapeutic regimen one of `treatments`.  Of a family each member is told who his parents are, and whether he
is affected, as by a PED file; where the proband has a disease, also as a `pedigrees` entry of proband, mother
and father.  Other kinship has no word in a phenopacket, and is left out.

Spec: Phenopackets v2.0, MedicalAction and Pedigree; Beacon v2 common/{treatment,procedure,pedigree}.json.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from node.people.members import Member

_PROBAND: Final = {"id": "NCIT:C64435", "label": "Proband"}
_MOTHER: Final = {"id": "NCIT:C96580", "label": "Biological Mother"}
_FATHER: Final = {"id": "NCIT:C96572", "label": "Biological Father"}
_AFFECTED: Final = {"AFFECTED": True, "UNAFFECTED": False}
_NOBODY: Final = ("", "0")

Told = dict[str, object]


def medical_actions(packet: Member, quantity: Callable[[Member], Told]) -> Told:
    """`treatments` and `interventionsOrProcedures` of a packet, each where there is any.

    quantity: how a quantity is told.  An action that names no code says nothing, and is left out.
    """
    told: dict[str, list[object]] = {"treatments": [], "interventionsOrProcedures": []}
    listed = packet.get("medicalActions")
    for action in listed.each() if listed else ():
        for name, kind, read in (
            ("procedure", "interventionsOrProcedures", _procedure),
            ("radiationTherapy", "interventionsOrProcedures", _radiation),
            ("therapeuticRegimen", "treatments", _regimen),
        ):
            source = action.get(name)
            found = read(source) if source else None
            if found:
                told[kind].append(found)
        treatment = action.get("treatment")
        if treatment is not None and treatment.has("agent"):
            told["treatments"].append(_treatment(treatment, quantity))
    return {name: found for name, found in told.items() if found}


def _copied(source: Member, names: dict[str, str]) -> Told:
    return {told: found.value for name, told in names.items() if (found := source.get(name)) is not None}


def _procedure(source: Member) -> Told | None:
    told = _copied(source, {"code": "procedureCode", "bodySite": "bodySite"})
    performed = source.get("performed")
    if performed is not None:
        ((kind, moment),) = performed.members().items()
        if kind == "timestamp":
            told["dateOfProcedure"] = str(moment)[:10]
        else:
            told["ageAtProcedure"] = moment
    return told if "procedureCode" in told else None


def _radiation(source: Member) -> Told | None:
    told = _copied(source, {"modality": "procedureCode", "bodySite": "bodySite"})
    return told if "procedureCode" in told else None


def _regimen(source: Member) -> Told | None:
    told = _copied(source, {"ontologyClass": "treatmentCode"})
    began = source.get("startTime")
    age = began.get("age") if began is not None else None
    if age is not None:
        told["ageAtOnset"] = age.value
    return told if "treatmentCode" in told else None


def _treatment(source: Member, quantity: Callable[[Member], Told]) -> Told:
    told = _copied(source, {"agent": "treatmentCode", "routeOfAdministration": "routeOfAdministration"})
    total, doses = source.get("cumulativeDose"), source.get("doseIntervals")
    if total is not None:
        told["cumulativeDose"] = quantity(total)
    if doses is not None:
        told["doseIntervals"] = [
            {
                "quantity": quantity(dose.need("quantity")),
                **_copied(dose, {"scheduleFrequency": "scheduleFrequency", "interval": "interval"}),
            }
            for dose in doses.each()
        ]
    return told


def kinship(family: Member, subject: str) -> Told:
    """What the pedigree of `family` says of this member: `info`, and `pedigrees` where the specification's
    form of one can be filled; nothing when he is not in it.
    """
    persons = {person.need("individualId").text(): person for person in _persons(family)}
    own = persons.get(subject)
    if own is None:
        return {}
    pedigree = _parents(own)
    if _affected(own) is not None:
        pedigree["affected"] = _affected(own)
    told: Told = {"info": {"pedigree": pedigree}} if pedigree else {}
    whole = _pedigree(family, persons)
    return told | ({"pedigrees": [whole]} if whole else {})


def _persons(family: Member) -> list[Member]:
    pedigree = family.get("pedigree")
    listed = pedigree.get("persons") if pedigree else None
    return list(listed.each()) if listed else []


def _parents(person: Member) -> Told:
    names = {"familyId": "family", "paternalId": "father", "maternalId": "mother"}
    return {name: value for name, value in _copied(person, names).items() if value not in _NOBODY}


def _affected(person: Member) -> bool | None:
    status = person.get("affectedStatus")
    return _AFFECTED.get(status.text()) if status else None


def _pedigree(family: Member, persons: dict[str, Member]) -> Told | None:
    """The `pedigrees` entry; None where the proband has no disease, without which it says nothing.

    A parent of whom nobody says whether he is affected is not in it: the specification knows yes and no.
    """
    proband = family.need("proband")
    name = proband.need("subject").need("id").text()
    listed = proband.get("diseases")
    diseases = [one for one in (listed.each() if listed else ()) if not one.has("excluded")]
    if name not in persons or not diseases:
        return None
    parents = _parents(persons[name])
    roles = ((name, _PROBAND), (parents.get("mother"), _MOTHER), (parents.get("father"), _FATHER))
    known = {name: True} | {
        other: affected for other, one in persons.items() if (affected := _affected(one)) is not None
    }
    members = [
        {"memberId": member, "role": role, "affected": known[str(member)]}
        for member, role in roles
        if member in persons and member in known
    ]
    number = family.get("id")
    return {
        "id": number.text() if number else str(parents.get("family", name)),
        "disease": {"diseaseCode": diseases[0].need("term").value},
        "members": members,
        "numSubjects": len(persons),
    }
