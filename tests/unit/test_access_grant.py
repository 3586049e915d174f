"""Who may see what, while only open data are answered."""

import pytest

from node.access.grant import decide
from node.access.principal import Anonymous, PeerPrincipal, Principal
from schemas.access import Granularity, Policy
from schemas.genome import Assembly
from schemas.people import Dataset

DATASETS = [Dataset(policy.value, Assembly.GRCH38, policy) for policy in Policy]
CALLERS: list[Principal] = [Anonymous(), PeerPrincipal("https://b.example")]


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_every_policy_is_decided(caller: Principal) -> None:
    grant = decide(caller, DATASETS)
    assert set(grant.ceilings) == {policy.value for policy in Policy}
    assert grant.ceiling("open").granularity is Granularity.RECORD


@pytest.mark.parametrize("caller", CALLERS, ids=str)
@pytest.mark.parametrize("policy", [policy for policy in Policy if policy is not Policy.OPEN])
def test_what_is_not_open_is_refused_with_a_reason(caller: Principal, policy: Policy) -> None:
    ceiling = decide(caller, DATASETS).ceiling(policy.value)
    assert ceiling.granularity is None
    assert "signed-in" in ceiling.reason


def test_a_dataset_nobody_decided_on_is_closed() -> None:
    assert decide(Anonymous(), DATASETS).ceiling("another").granularity is None


def test_callers_have_stable_names() -> None:
    assert decide(Anonymous(), []).principal == "anonymous"
    assert decide(PeerPrincipal("https://b.example"), []).principal == "peer https://b.example"
