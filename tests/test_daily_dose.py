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
from reach_nb.look.dose_map import globe
from reach_nb.simulated.records import render_records, synthesize
from reach_nb.simulated.sky import Sky, pick_records
from reach_nb.windows import day_window, epoch_ms

FULL = bool(os.environ.get("REACH_NB_FULL"))
DATES = [date(2025, 2, 5), date(2025, 6, 20), date(2025, 10, 3)][: 3 if FULL else 1]
MOST = 32 if FULL else 3  # dosimeters of a flavor
HOURS = (1, 2, 4, 7, 9.8, 11, 12, 13, 18, 23.5)
TAIL_FROM = {"U": 11}  # hours: it answers so rarely that a longer gap may hold all of a day
FAR = 5  # times its uncertainty: an error beyond, of the few in that tail, counts as this
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
    """Up to half a day; beyond, there is no number."""
    rng = np.random.default_rng(3)
    for hours in HOURS:
        length, ratios = round(hours * 720), []
        for whole in whole_days[flavor]:
            for start in range(0, SAMPLES_PER_DAY, 1440):
                seen = whole.copy()
                seen[np.arange(start, start + length) % SAMPLES_PER_DAY] = np.nan
                if hours < 12:  # single samples are lost as well
                    seen[rng.random(SAMPLES_PER_DAY) < 0.01] = np.nan
                found = integrate(seen)
                if found.coverage_pct < ENOUGH_PCT:
                    assert np.isnan([found.missing_rad, found.uncertainty_rad]).all()
                    assert found.dose_rad < 5 * whole.sum()
                    continue
                error = found.dose_rad + found.missing_rad - 5 * whole.sum()
                ratios.append(error / found.uncertainty_rad)
        assert len(ratios) == (12 * len(whole_days[flavor]) if hours <= 12 else 0), hours
        if ratios:
            size = np.abs(ratios)
            if hours > TAIL_FROM.get(flavor, 12):
                assert np.mean(size > FAR) < 0.05, (flavor, hours, np.sort(size)[-9:])
                size = np.minimum(size, FAR)
            assert 0.5 < np.sqrt(np.mean(size**2)) < 2, (flavor, hours)


@pytest.mark.skipif(not FULL, reason="a study of a minute; its numbers stand on the page of doses")
def test_a_map_of_the_others_fills_a_gap_no_better_where_dosimeters_differ():
    """Why there is no number below half a day: see the table in nbs/look/dose.ipynb."""
    start, stop = map(epoch_ms, day_window(date(2025, 6, 20)))
    days = {flavor: [] for flavor in FLAVORS}
    for number, sensor in enumerate(SENSOR_IDS):
        batch = pick_records(WHOLE, start, stop, [number])
        said, cells = synthesize(WHOLE, batch, "QUICKLOOK"), globe(5)
        for flavor, rates in rates_of(WHOLE, sensor, date(2025, 6, 20)).items():
            place = np.zeros(SAMPLES_PER_DAY, np.int64)
            of_one = batch.dosimeter == SENSORS[sensor].flavors.index(flavor)
            slot = (said.t_ms[of_one] - start) // 5000
            place[slot] = cells.places(said.place.lat[of_one], said.place.lon[of_one])
            days[flavor].append((np.where(np.isnan(rates), np.nanmean(rates), rates), place))
    rng = np.random.default_rng(3)
    for flavor, some in days.items():
        gains = np.exp(rng.normal(0, 0.3, len(some)))
        for hours in (12, 20):
            alike = study(some, np.ones(len(some)), hours)
            differing = study(some, gains, hours)
            print(
                f"{flavor} {hours} h: {alike['own']:.0%} {alike['map']:.0%} {differing['map']:.0%}"
            )
            assert alike["map"] < alike["own"]  # in the simulator, where all are the same
            if hours == 12 and flavor != "U":
                assert differing["map"] > 0.95 * alike["own"]


def study(some, gains, hours):
    """Errors of the day's dose (rms), from one's own day and from a map of the others."""
    size = globe(5).rows * globe(5).columns
    count = sum(np.bincount(place, minlength=size) for _, place in some)
    total = sum(
        np.bincount(place, g * rates, size) for g, (rates, place) in zip(gains, some, strict=True)
    )
    errors = {"own": [], "map": []}
    for gain, (rates, place) in zip(gains, some, strict=True):
        others = count - np.bincount(place, minlength=size)
        mean = np.full(size, np.nan)
        np.divide(total - np.bincount(place, gain * rates, size), others, mean, where=others > 0)
        on_map = np.where(np.isnan(mean), np.nanmean(mean), mean)[place]
        for begin in range(0, SAMPLES_PER_DAY, 1440):
            gap = np.isin(
                np.arange(SAMPLES_PER_DAY), np.arange(begin, begin + hours * 720) % SAMPLES_PER_DAY
            )
            true, seen = gain * rates.sum(), gain * rates[~gap]
            errors["own"].append(seen.mean() * SAMPLES_PER_DAY / true - 1)
            errors["map"].append((seen.sum() + on_map[gap].sum()) / true - 1)
    return {how: np.sqrt(np.mean(np.square(values))) for how, values in errors.items()}


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
