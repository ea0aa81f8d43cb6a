import campaign
import pytest

from reach_nb import SimulatedUDL


@pytest.fixture
def service():
    """A service that is small and well, until told otherwise."""
    with SimulatedUDL(seed=6, availability=0.01, outage_rate=0.0, late=0.0, ragged=0.3) as running:
        yield running


def pytest_sessionfinish(session):
    if campaign.RESULTS and (campaign.FAULTS or campaign.KILLED):
        campaign.write_results(session.config.rootpath / campaign.RESULTS, session.testsfailed)


def pytest_terminal_summary(terminalreporter):
    total = sum(campaign.FAULTS.values(), campaign.Counter())
    for what, figures in (("faults", total), ("comparisons", campaign.COMPARED)):
        if figures:
            terminalreporter.write_line(
                f"{what}: "
                + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in figures.items())
            )
