"""The parameters of a variant question, read into a value and written back.

There is no discriminator on the wire: which parameters are present tells the kind of query.

    start, alternateBases [, referenceBases]            sequence query: this very allele
    start, end [, alternateBases, variantType, lengths] range query: whatever overlaps
    start of two, end of two [, the same]               bracket query: starts here and ends there
    geneId [, the same]                                 gene query: whatever overlaps the gene
    genomicAlleleShortForm                              HGVS: g. and m. by place; c. and p. by annotation
    aminoacidChange [, geneId, or start and end]        by annotation
    mateName, start [, end]                             adjacency: joined with this contig; end lies on it
    hitsPerPerson with a range or gene                  two alleles, or one twice, in one person;
                                                        hitsPhase: how they lie on his copies
    together (or a list as g_variant)                   an allele of each of several questions in one person

A sequence query may repeat its `end`, type and length, which then must fit the bases.  Coordinates are
0-based, half-open, on the wire and inside.

Spec: Beacon v2 models/json/.../genomicVariations/requestParameters.json and "Variant queries".  mateName is
there without a meaning of its own; the meaning here is that of Beacon v1 and its implementations.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from beacon.vocabulary import read_variant_class, variant_type_word, with_class
from schemas import asking
from schemas import beacon as wire
from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig, Interval, VariantType
from schemas.notation import read_name
from schemas.protein import read_protein_change
from schemas.questions import (
    AnnotationQuery,
    BracketQuery,
    Conditions,
    GeneQuery,
    HgvsQuery,
    Lying,
    Question,
    RangeQuery,
    SequenceQuery,
    Single,
    Together,
    TwoHits,
    contig_of,
)

MAX_BASES: Final = 100_000
MAX_TOGETHER: Final = 10
_BASES: Final = re.compile(r"[ACGTRYSWKMBDHVN]*")
_PLACE: Final = frozenset({"referenceName", "start", "end"})
_CONDITIONS: Final = frozenset({"alternateBases", "variantType", "variantMinLength", "variantMaxLength"})


def canonical(question: Question) -> wire.VariantParameters:
    """The parameters of `question` in their one canonical spelling, which `read_variant` reads back."""
    if isinstance(question, Together):
        return {"together": [_canonical(part) for part in question.parts]}
    if isinstance(question, TwoHits):
        lying: wire.VariantParameters = (
            {} if question.lying is Lying.ANY else {"hitsPhase": question.lying.value}
        )
        return {**_canonical(question.where), "hitsPerPerson": 2, **lying}
    return _canonical(question)


def _canonical(question: Single) -> wire.VariantParameters:
    if isinstance(question, HgvsQuery):
        return {"genomicAlleleShortForm": str(question.change)}
    if isinstance(question, AnnotationQuery):
        return _canonical_annotation(question)
    if isinstance(question, GeneQuery):
        parameters: wire.VariantParameters = {"geneId": question.gene}
        if question.assembly is not None:
            parameters["assemblyId"] = question.assembly.value
        return parameters | _canonical_conditions(question.conditions)
    contig = contig_of(question)
    parameters = {"assemblyId": contig.assembly.value, "referenceName": f"refseq:{contig.accession}"}
    if isinstance(question, SequenceQuery):
        parameters["start"] = [question.interval.start]
        if question.reference is not None:
            parameters["referenceBases"] = question.reference
        parameters["alternateBases"] = question.alternate
        return parameters
    if isinstance(question, BracketQuery):
        parameters["start"] = [question.starts.start, question.starts.end]
        parameters["end"] = [question.ends.start, question.ends.end]
    elif question.conditions.mate is not None:
        return parameters | _canonical_adjacency(question.interval, question.conditions.mate)
    else:
        parameters["start"], parameters["end"] = [question.interval.start], [question.interval.end]
    return parameters | _canonical_conditions(question.conditions)


def _canonical_conditions(conditions: Conditions) -> wire.VariantParameters:
    parameters: wire.VariantParameters = {}
    if conditions.alternate is not None:
        parameters["alternateBases"] = conditions.alternate
    if conditions.variant_types is not None:
        parameters["variantType"] = variant_type_word(conditions)
    if conditions.min_length_bp is not None:
        parameters["variantMinLength"] = conditions.min_length_bp
    if conditions.max_length_bp is not None:
        parameters["variantMaxLength"] = conditions.max_length_bp
    return parameters


def _canonical_adjacency(one: Interval, other: Interval) -> wire.VariantParameters:
    return {
        "start": [one.start, one.end],
        "end": [other.start, other.end],
        "mateName": f"refseq:{other.contig.accession}",
    }


def _canonical_annotation(question: AnnotationQuery) -> wire.VariantParameters:
    parameters: wire.VariantParameters = {}
    if question.assembly is not None:
        parameters["assemblyId"] = question.assembly.value
    if question.coding or question.transcript:
        named = f"({question.gene})" if question.transcript and question.gene else question.gene
        change = question.coding or question.protein
        parameters["genomicAlleleShortForm"] = f"{question.transcript}{named}:{change}"
        return parameters
    if question.gene:
        parameters["geneId"] = question.gene
    parameters["aminoacidChange"] = question.protein
    if question.within is not None:
        parameters["referenceName"] = f"refseq:{question.within.contig.accession}"
        parameters["start"], parameters["end"] = [question.within.start], [question.within.end]
    return parameters


def read_variant(parameters: asking.AskedParameters) -> Question | None:
    """The question in `requestParameters`, nested or flat; None when no parameter of one is there.

    Raises BadQuestion: it cannot be understood or contradicts itself; NotHeld: an assembly or contig unknown
    here.
    """
    asked: asking.AskedVariant = parameters
    if parameters.g_variant is not None:
        if parameters.named:
            raise BadQuestion("parameters stand both inside g_variant and beside it; put all of them inside")
        asked = parameters.g_variant
    if not asked.named:
        return None
    if asked.together is None:
        return _read_one(asked)
    if asked.named != {"together"}:
        raise BadQuestion("several variants stand alone: put every parameter inside one of them")
    if not 2 <= len(asked.together) <= MAX_TOGETHER:
        raise BadQuestion(f"two to {MAX_TOGETHER} variants can be asked for together")
    return Together(tuple(_read_part(part) for part in asked.together))


def _read_part(asked: asking.AskedVariant) -> Single:
    part = None if asked.together is not None or not asked.named else _read_one(asked)
    if part is None or isinstance(part, Together | TwoHits):
        raise BadQuestion("each of several variants is one variant, range or gene")
    return part


def _read_one(asked: asking.AskedVariant) -> Question:
    given = asked.named
    if "hitsPhase" in given and "hitsPerPerson" not in given:
        raise BadQuestion("hitsPhase is asked beside hitsPerPerson=2")
    if "hitsPerPerson" in given:
        return _read_two_hits(asked)
    if "genomicAlleleShortForm" in given:
        return _read_short_form(asked)
    if "aminoacidChange" in given:
        return _read_aminoacid_change(asked)
    if "geneId" in given:
        return _read_gene(asked)
    contig = _read_contig(asked)
    return _read_adjacency(contig, asked) if "mateName" in given else _read_query(contig, asked)


def _alone(asked: asking.AskedVariant, name: str, allowed: frozenset[str]) -> None:
    strangers = sorted(asked.named - allowed - {name, "assemblyId"})
    if strangers:
        raise BadQuestion(f"{strangers[0]} cannot be asked for beside {name}")


def _read_two_hits(asked: asking.AskedVariant) -> TwoHits:
    if asked.hitsPerPerson != 2:
        raise BadQuestion("hitsPerPerson can be 2: two different alleles in one person, or one twice")
    where = _read_one(asked.model_copy(update={"hitsPerPerson": None, "hitsPhase": None}))
    if not isinstance(where, RangeQuery | GeneQuery):
        raise BadQuestion("hitsPerPerson is asked of a gene or a range")
    return TwoHits(where, asked.hitsPhase or Lying.ANY)


def _read_assembly(asked: asking.AskedVariant) -> Assembly | None:
    return Assembly.read(asked.assemblyId) if asked.assemblyId else None


def _read_gene(asked: asking.AskedVariant) -> GeneQuery:
    _alone(asked, "geneId", _CONDITIONS)
    gene = (asked.geneId or "").strip()
    if not 1 <= len(gene) <= 60:
        raise BadQuestion("geneId must be a symbol or an HGNC, Ensembl or NCBI identifier")
    return GeneQuery(gene, _read_assembly(asked), _read_conditions(asked))


def _read_short_form(asked: asking.AskedVariant) -> HgvsQuery | BracketQuery | AnnotationQuery:
    _alone(asked, "genomicAlleleShortForm", frozenset())
    text = asked.genomicAlleleShortForm or ""
    if len(text) > MAX_BASES:
        raise BadQuestion(f"genomicAlleleShortForm is longer than {MAX_BASES} characters")
    return read_name(text, _read_assembly(asked))


def _read_aminoacid_change(asked: asking.AskedVariant) -> AnnotationQuery:
    _alone(asked, "aminoacidChange", _PLACE | {"geneId"})
    protein = read_protein_change(asked.aminoacidChange or "")
    gene = (asked.geneId or "").strip()
    if gene and asked.named & _PLACE:
        raise BadQuestion("a gene has its own place: give geneId, or referenceName, start and end")
    if gene:
        return AnnotationQuery(gene, protein=protein, assembly=_read_assembly(asked))
    if not asked.named & _PLACE:
        raise BadQuestion("aminoacidChange alone is a change of many genes; give geneId beside it")
    within = _read_query(_read_contig(asked), asked.model_copy(update={"aminoacidChange": None}))
    if not isinstance(within, RangeQuery):
        raise BadQuestion("beside aminoacidChange stand geneId, or start and end of a range")
    return AnnotationQuery(protein=protein, assembly=within.interval.contig.assembly, within=within.interval)


def _read_adjacency(contig: Contig, asked: asking.AskedVariant) -> RangeQuery:
    _alone(asked, "mateName", _PLACE | {"variantType"})
    mate = Contig.read(asked.mateName or "", contig.assembly)
    here = _read_window(contig, asked.start or [])
    there = _read_window(mate, asked.end) if asked.end else Interval(mate, 0, mate.length_bp)
    breakends = frozenset({VariantType.BND})
    if asked.variantType is not None and read_variant_class(asked.variantType).types != breakends:
        raise BadQuestion("mateName asks for breakends: variantType is BND, or left out")
    return RangeQuery(here, Conditions(variant_types=breakends, mate=there))


def _read_window(contig: Contig, bounds: list[int]) -> Interval:
    """One base, or the bases between two coordinates."""
    if not 1 <= len(bounds) <= 2:
        raise BadQuestion("an adjacency has a start of one value or two, and an end of none, one or two")
    if len(bounds) == 2 and bounds[0] == bounds[1]:
        raise BadQuestion("an empty window holds nothing: windows are half-open, [100, 101] is exactly 100")
    return Interval(contig, bounds[0], bounds[1] if len(bounds) == 2 else bounds[0] + 1)


def _read_query(contig: Contig, asked: asking.AskedVariant) -> SequenceQuery | RangeQuery | BracketQuery:
    starts, ends = asked.start or [], asked.end or []
    if not starts:
        raise BadQuestion("start is missing (0-based: the base that a VCF calls 100 starts at 99)")
    if max(len(starts), len(ends)) > 2:
        raise BadQuestion("start and end take one value, or two for a bracket query")
    if min(starts + ends) < 0:
        raise BadQuestion("start and end are 0-based and cannot be negative")
    if len(starts) == 2 or len(ends) == 2:
        return _read_bracket(contig, asked, starts, ends)
    if ends and asked.referenceBases is None:
        return _read_range(contig, asked, starts, ends)
    return _read_sequence(contig, asked, starts, ends)


def _read_contig(asked: asking.AskedVariant) -> Contig:
    name = asked.referenceName
    if not name:
        raise BadQuestion("referenceName is missing; give a contig such as chr20 or refseq:NC_000020.10")
    told = Contig.of_accession(name)
    if not asked.assemblyId:
        if told is None:
            raise BadQuestion(f"assemblyId is missing: {name[:40]!r} is a contig of several assemblies")
        return told
    assembly = Assembly.read(asked.assemblyId)
    if told is not None and told.assembly is not assembly:
        raise BadQuestion(f"referenceName is a contig of {told.assembly}, but assemblyId says {assembly}")
    return Contig.read(name, assembly)


def _read_bases(name: str, text: str) -> str:
    """Upper case, U as T: case only marks repeats in reference files, and changes no base."""
    bases = text.strip().upper().replace("U", "T")
    if len(bases) > MAX_BASES:
        raise BadQuestion(f"{name} is longer than {MAX_BASES} bases")
    if not _BASES.fullmatch(bases):
        raise BadQuestion(
            f"{name} must be bases (A, C, G, T or IUPAC codes), not {text[:40]!r}; a pure insertion or "
            "deletion leaves it empty, a structural variant is asked for by variantType"
        )
    return bases


def _read_sequence(
    contig: Contig, asked: asking.AskedVariant, starts: list[int], ends: list[int]
) -> SequenceQuery:
    if asked.alternateBases is None:
        raise BadQuestion("give alternateBases for one allele, or end for every variant of a range")
    reference = None if asked.referenceBases is None else _read_bases("referenceBases", asked.referenceBases)
    alternate = _read_bases("alternateBases", asked.alternateBases)
    if reference is None and not alternate:
        raise BadQuestion("alternateBases is empty, a deletion: referenceBases must say what is deleted")
    if reference == alternate and set(alternate) <= set("ACGT"):
        raise BadQuestion("referenceBases and alternateBases are the same")
    last = starts[0] + len(reference or "")
    if ends and ends[0] != last:
        raise BadQuestion(
            f"end {ends[0]} does not fit start {starts[0]} and the referenceBases, which end at {last}; "
            "leave end out, or leave referenceBases out to ask for a range"
        )
    query = SequenceQuery(Interval(contig, starts[0], last), reference, alternate)
    _check_redundant(asked, query)
    return query


def _check_redundant(asked: asking.AskedVariant, query: SequenceQuery) -> None:
    """Refuse a type or length that contradicts the allele, or that no one allele can be held against."""
    if asked.variantType is None and asked.variantMinLength is None and asked.variantMaxLength is None:
        return
    conditions = _read_conditions(asked)
    allele = query.allele
    if allele is None:
        raise BadQuestion("variantType and lengths need an end, or referenceBases without wildcards")
    if conditions.copies is not None:
        raise BadQuestion(f"variantType {(asked.variantType or '')[:40]!r} is of ranges, not of one allele")
    if not replace(conditions, alternate=None).admit(allele):
        raise BadQuestion(
            f"the bases describe {allele.variant_type}, {allele.length_bp} bp: not what was asked for"
        )


def _read_range(contig: Contig, asked: asking.AskedVariant, starts: list[int], ends: list[int]) -> RangeQuery:
    if starts == ends:
        raise BadQuestion(
            f"the range {starts[0]} to {ends[0]} is empty: positions are 0-based and end is exclusive, so "
            "that base 100 of a VCF is start 99, end 100"
        )
    return RangeQuery(Interval(contig, starts[0], ends[0]), _read_conditions(asked))


def _read_bracket(
    contig: Contig, asked: asking.AskedVariant, starts: list[int], ends: list[int]
) -> BracketQuery:
    if len(starts) != 2 or len(ends) != 2:
        raise BadQuestion("a bracket query takes two values of start and two of end")
    if asked.referenceBases is not None:
        raise BadQuestion("referenceBases has no meaning in a bracket query; leave it out")
    if starts[0] == starts[1] or ends[0] == ends[1]:
        raise BadQuestion("an empty window holds nothing: windows are half-open, [100, 101] is exactly 100")
    if starts[0] >= ends[1]:
        raise BadQuestion(f"start {starts[0]} lies after end {ends[1]}")
    return BracketQuery(Interval(contig, *starts), Interval(contig, *ends), _read_conditions(asked))


def _read_conditions(asked: asking.AskedVariant) -> Conditions:
    shortest, longest = asked.variantMinLength, asked.variantMaxLength
    if (shortest is not None and shortest < 0) or (longest is not None and longest < 1):
        raise BadQuestion("variantMinLength must be 0 or more, variantMaxLength 1 or more")
    if shortest is not None and longest is not None and shortest > longest:
        raise BadQuestion(f"variantMinLength {shortest} is more than variantMaxLength {longest}")
    alternate = None if asked.alternateBases is None else _read_bases("alternateBases", asked.alternateBases)
    conditions = Conditions(alternate, None, shortest, longest)
    if asked.variantType is None:
        return conditions
    return with_class(conditions, read_variant_class(asked.variantType))
