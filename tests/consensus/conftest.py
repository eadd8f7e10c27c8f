"""Chains that several tests read and none changes."""

from dataclasses import replace

import pytest

from medquorum.ledger.charter_rules import default_policy
from medquorum.ledger.types import (
    BlockType,
)
from tests.support.chains import Chain
from tests.support.network import (
    make_network,
    propose,
    registration,
)


@pytest.fixture(scope="package")
def chain() -> Chain:
    """Patient 1 with a form, a CT and a prescription; patient 2 with a form."""
    auto = replace(default_policy(BlockType.XRAY), auto_policies=("quality",))
    grown = Chain(make_network(policies={BlockType.XRAY: auto}))
    network = grown.network
    grown.stage(registration(network))
    grown.stage(registration(network, "patient 2"))
    grown.stage(propose(network, grown.view, BlockType.CT))
    grown.stage(propose(network, grown.view, BlockType.PRESCRIPTION))
    grown.close()
    return grown
