import pytest

from reach_nb import SimulatedUDL


@pytest.fixture
def service():
    """A service that is small and well, until told otherwise."""
    with SimulatedUDL(seed=6, availability=0.01, outage_rate=0.0, late=0.0, ragged=0.3) as running:
        yield running
