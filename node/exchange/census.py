"""The numbers that `/mme/metrics` tells of this node's cases; nothing is counted of made-up patients.

Spec: https://github.com/ga4gh/mme-apis (metrics-api.md), v1.1
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import UTC, datetime

from node.cases import Deposit, Status
from schemas.exchange import Metrics
from schemas.matching import Sharing


def count(deposits: Iterable[Deposit], requests: int, results: int, matched: Container[str]) -> Metrics:
    """Of the cases that are offered to others.  requests, results: received and told, of all time.

    matched: ids of cases that were ever matched.
    """
    offered = [
        each
        for each in deposits
        if not each.patient.test and each.status is not Status.PAUSED and each.sharing is not Sharing.NOTHING
    ]
    patients = [each.patient for each in offered]
    genes = [one.gene.id for each in patients for one in each.genomic_features]
    variants = [one.variant for each in patients for one in each.genomic_features if one.variant]
    features = [one.id for each in patients for one in each.features]
    return Metrics(
        number_of_cases=len(offered),
        number_of_submitters=len({each.owner for each in offered}),
        number_of_genes=len(genes),
        number_of_unique_genes=len(set(genes)),
        number_of_variants=len(variants),
        number_of_unique_variants=len(set(variants)),
        number_of_features=len(features),
        number_of_unique_features=len(set(features)),
        number_of_feature_sets=len({frozenset(one.id for one in each.features) for each in patients}),
        number_of_unique_genes_matched=len(
            {one.gene.id for each in patients if each.id in matched for one in each.genomic_features}
        ),
        number_of_cases_with_diagnosis=sum(bool(each.disorders) for each in patients),
        number_of_requests_received=requests,
        number_of_potential_matches_sent=results,
        date_generated=datetime.now(UTC).isoformat(timespec="seconds"),
    )
