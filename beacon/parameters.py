"""The parameters of a variant question, read into a query and written back.

There is no discriminator on the wire: which parameters are present tells the kind of query.

    start, alternateBases [, referenceBases]            sequence query: this very allele
    start, end [, alternateBases, variantType, lengths] range query: whatever overlaps
    start of two, end of two [, the same]               bracket query: starts here and ends there

A sequence query may repeat its `end`, type and length, which then must fit the bases.  Coordinates are
0-based, half-open, on the wire and inside.

Spec: Beacon v2 models/json/.../genomicVariations/requestParameters.json and "Variant queries".
"""

from __future__ import annotations

import re
from typing import Final

from beacon.vocabulary import read_variant_types, variant_type_word
from schemas import beacon as wire
from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig, Interval
from schemas.questions import BracketQuery, Conditions, RangeQuery, SequenceQuery, VariantQuery, contig_of

MAX_BASES: Final = 100_000
_BASES: Final = re.compile(r"[ACGTRYSWKMBDHVN]*")


def canonical(query: VariantQuery) -> wire.VariantParameters:
    """The parameters of `query` in their one canonical spelling, which `read_variant` reads back."""
    contig = contig_of(query)
    parameters: wire.VariantParameters = {
        "assemblyId": contig.assembly.value,
        "referenceName": f"refseq:{contig.accession}",
    }
    if isinstance(query, SequenceQuery):
        parameters["start"] = [query.interval.start]
        if query.reference is not None:
            parameters["referenceBases"] = query.reference
        parameters["alternateBases"] = query.alternate
        return parameters
    if isinstance(query, RangeQuery):
        parameters["start"], parameters["end"] = [query.interval.start], [query.interval.end]
    else:
        parameters["start"] = [query.starts.start, query.starts.end]
        parameters["end"] = [query.ends.start, query.ends.end]
    conditions = query.conditions
    if conditions.alternate is not None:
        parameters["alternateBases"] = conditions.alternate
    if conditions.variant_types is not None:
        parameters["variantType"] = variant_type_word(conditions.variant_types)
    if conditions.min_length_bp is not None:
        parameters["variantMinLength"] = conditions.min_length_bp
    if conditions.max_length_bp is not None:
        parameters["variantMaxLength"] = conditions.max_length_bp
    return parameters


def read_variant(parameters: wire.AskedParameters) -> VariantQuery | None:
    """The query in `requestParameters`, nested or flat; None when no parameter of one is there.

    Raises BadQuestion: it cannot be understood, contradicts itself, or is of a kind not answered here;
    NotHeld: an assembly or contig unknown here.
    """
    asked: wire.AskedVariant = parameters
    if parameters.g_variant is not None:
        if parameters.named:
            raise BadQuestion("parameters stand both inside g_variant and beside it; put all of them inside")
        asked = parameters.g_variant
    given = asked.named
    if not given:
        return None
    for name in ("geneId", "aminoacidChange", "genomicAlleleShortForm", "mateName"):
        if name in given:
            raise BadQuestion(f"{name} is not supported by this node yet; ask by referenceName and start")
    return _read_query(_read_contig(asked), asked)


def _read_query(contig: Contig, asked: wire.AskedVariant) -> VariantQuery:
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


def _read_contig(asked: wire.AskedVariant) -> Contig:
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
    contig: Contig, asked: wire.AskedVariant, starts: list[int], ends: list[int]
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


def _check_redundant(asked: wire.AskedVariant, query: SequenceQuery) -> None:
    """Refuse a type or length that contradicts the allele, or that no one allele can be held against."""
    conditions = _read_conditions(asked)
    if not asked.named & {"variantType", "variantMinLength", "variantMaxLength"}:
        return
    allele = query.allele
    if allele is None:
        raise BadQuestion("variantType and lengths need an end, or referenceBases without wildcards")
    bare = Conditions(None, conditions.variant_types, conditions.min_length_bp, conditions.max_length_bp)
    if not bare.admit(allele):
        raise BadQuestion(
            f"the bases describe {allele.variant_type}, {allele.length_bp} bp: not what was asked for"
        )


def _read_range(contig: Contig, asked: wire.AskedVariant, starts: list[int], ends: list[int]) -> RangeQuery:
    if starts == ends:
        raise BadQuestion(
            f"the range {starts[0]} to {ends[0]} is empty: positions are 0-based and end is exclusive, so "
            "that base 100 of a VCF is start 99, end 100"
        )
    return RangeQuery(Interval(contig, starts[0], ends[0]), _read_conditions(asked))


def _read_bracket(
    contig: Contig, asked: wire.AskedVariant, starts: list[int], ends: list[int]
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


def _read_conditions(asked: wire.AskedVariant) -> Conditions:
    shortest, longest = asked.variantMinLength, asked.variantMaxLength
    if (shortest is not None and shortest < 0) or (longest is not None and longest < 1):
        raise BadQuestion("variantMinLength must be 0 or more, variantMaxLength 1 or more")
    if shortest is not None and longest is not None and shortest > longest:
        raise BadQuestion(f"variantMinLength {shortest} is more than variantMaxLength {longest}")
    return Conditions(
        None if asked.alternateBases is None else _read_bases("alternateBases", asked.alternateBases),
        None if asked.variantType is None else read_variant_types(asked.variantType),
        shortest,
        longest,
    )
