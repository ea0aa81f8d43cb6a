"""The dose of a day is what it claims to be: its error fits its uncertainty, for every flavor and gap.

`REACH_NB_FULL=1` takes days of all dosimeters on three dates in place of a few on one.
"""

import os
from datetime import date

import numpy as np
import pytest

from reach_nb import daily_dose, read_archive
from reach_nb.constellation import FILL_VALUE, FLAVORS, SAMPLES_PER_DAY, SENSOR_IDS, SENSORS
from reach_nb.dataset import Dataset
from reach_nb.look.dose import ENOUGH_PCT, integrate
from reach_nb.simulated.records import render_records, synthesize
from reach_nb.simulated.sky import Sky, pick_records
from reach_nb.windows import day_window, epoch_ms

FULL = bool(os.environ.get("REACH_NB_FULL"))
DATES = [date(2025, 2, 5), date(2025, 6, 20), date(2025, 10, 3)][: 3 if FULL else 1]
MOST = 32 if FULL else 3  # dosimeters of a flavor
HOURS = (1, 2, 4, 7, 9.8, 12, 18, 23.5)
WHOLE = Sky(seed=11, availability=1, outage_rate=0, late=0, odd_w=0)  # nothing is missing or odd


def rates_of(sky, sensor, day):
    """The dose rates of a sensor's day on the grid of 5 s, by flavor; NaN where there is none."""
    start, stop = map(epoch_ms, day_window(day))
    batch = pick_records(sky, start, stop, [SENSOR_IDS.index(sensor)])
    said = synthesize(sky, batch, "QUICKLOOK")
    found = {}
    for number, flavor in enumerate(SENSORS[sensor].flavors):
        which = (batch.dosimeter == number) & (said.value > FILL_VALUE)
        found[flavor] = np.full(SAMPLES_PER_DAY, np.nan)
        found[flavor][(said.t_ms[which] - start) // 5000] = said.value[which]
    return found


@pytest.fixture(scope="module")
def whole_days():
    """Days without a gap, by flavor."""
    days = {flavor: [] for flavor in FLAVORS}
    for day in DATES:
        for sensor in SENSOR_IDS:
            if any(len(days[f]) < MOST * len(DATES) for f in SENSORS[sensor].flavors):
                for flavor, rates in rates_of(WHOLE, sensor, day).items():
                    days[flavor].append(np.where(np.isnan(rates), np.nanmean(rates), rates))
    return days


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_error_fits_the_uncertainty(whole_days, flavor):
    rng = np.random.default_rng(3)
    for hours in HOURS:
        length, ratios = round(hours * 720), []
        for whole in whole_days[flavor]:
            for start in range(0, SAMPLES_PER_DAY, 1440):
                seen = whole.copy()
                seen[np.arange(start, start + length) % SAMPLES_PER_DAY] = np.nan
                seen[rng.random(SAMPLES_PER_DAY) < 0.01] = np.nan  # single samples are lost as well
                found = integrate(seen)
                if found.coverage_pct < ENOUGH_PCT:
                    assert np.isnan([found.missing_rad, found.uncertainty_rad]).all()
                    assert found.dose_rad < 5 * whole.sum()
                    continue
                error = found.dose_rad + found.missing_rad - 5 * whole.sum()
                ratios.append(error / found.uncertainty_rad)
        assert bool(ratios) == (hours < 10), (hours, len(ratios))
        if ratios:
            assert 0.5 < np.sqrt(np.mean(np.square(ratios))) < 2, (flavor, hours)


def test_all_defaults_give_the_dose_of_a_day_within_its_uncertainty(tmp_path):
    """Flags, odd counts, an outage and lost samples: read and summed without a thought."""
    day = date(2025, 2, 5)
    hole = [("ALL", "2025-02-05T08:00Z", "2025-02-05T11:00Z")]
    sky = Sky(seed=11, outages=hole, outage_rate=0)
    ratios = []
    for sensor in ("REACH-105", "REACH-135", "REACH-138", "REACH-163", "REACH-169"):
        batch = pick_records(sky, *map(epoch_ms, day_window(day)), [SENSOR_IDS.index(sensor)])
        path = Dataset(sensor, output_format="json").artifact_path(tmp_path, day)
        path.write_bytes(render_records(sky, batch))
        doses = daily_dose(read_archive(tmp_path, day, day, sensor_id=sensor))
        for row in doses.itertuples():
            true = 5 * np.nansum(rates_of(WHOLE, sensor, day)[row.flavor])
            if row.coverage_pct < ENOUGH_PCT:  # flagged from morning to night, or for most of it
                assert (sensor, row.dosimeter) in (("REACH-105", 2), ("REACH-163", 2))
                assert np.isnan(row.missing_rad) and row.excluded_rad > 0
                continue
            ratios.append((row.dose_rad + row.missing_rad - true) / row.uncertainty_rad)
            if row.flavor == "W":
                assert row.excluded_rad > 5 * true  # what a plain sum would have added
    assert len(ratios) == 8
    assert np.abs(ratios).max() < 3, ratios
    assert 0.4 < np.sqrt(np.mean(np.square(ratios))) < 2, ratios
