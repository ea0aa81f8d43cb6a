"""After any sequence of faults and reruns every record is in one artifact once, or the telemetry says which day is not there.

A real service on the loopback, real sockets and threads; only waiting is shortened. `REACH_NB_CAMPAIGNS=200` runs longer.
"""

import random
import threading
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from campaign import (
    CAMPAIGNS,
    FAULTS,
    START,
    check_truth,
    compare,
    day_after,
    left_behind,
    note_faults,
    read_records,
    run_in_a_hurry,
)

from reach_nb import (
    AuthenticationError,
    DayFinished,
    DownloadRunConfig,
    HistoricalTelemetry,
    SimulatedUDL,
    download_UDL_reach_window,
    run_download,
)
from reach_nb.dataset import OUTPUT_FORMATS
from reach_nb.service.transport import Limits

PASSING = (
    "408",
    "429",
    "500",
    "502",
    "503",
    "504",
    "redirect",
    "html",
    "error_object",
    "truncated",
    "bad_utf8",
    "nested",
    "short",
    "reset",
    "drop",
)  # an answer that must be asked for again
HARMLESS = ("reordered", "overflow")  # a valid answer in another shape


def config_for(service, folder, days, **settings):
    pace = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 2000.0)
    return DownloadRunConfig(
        START,
        day_after(START, days - 1),
        folder,
        auth_token=service.auth_token,
        base_url=service.base_url,
        **{**pace, **settings},
    )


def campaign(
    kind,
    folder,
    faulty_runs=3,
    days=3,
    blind=(),
    script=None,
    service=None,
    run=run_in_a_hurry,
    **settings,
):
    """Runs among faults, each held against the truth, then one without; every record must be there in the end."""
    with SimulatedUDL(**(service or {})) as udl_service:
        config = config_for(udl_service, folder, days, retry_failed=True, **settings)
        for n in range(faulty_runs + 1):
            if n == faulty_runs:
                udl_service.clear_faults()
            elif script:
                script(udl_service)
            try:
                summary = run(config)
            except AuthenticationError:
                assert n < faulty_runs
                continue
            assert (
                summary.days_planned
                == days
                == (
                    summary.days_downloaded
                    + summary.days_skipped_existing
                    + summary.days_skipped_no_data
                    + summary.days_failed
                )
            )
            check_truth(udl_service, config, blind)
        assert summary.days_failed == 0
        assert left_behind(folder) == []
        asked = udl_service.requests
        assert all(
            r.auth_ok and r.host == f"127.0.0.1:{udl_service.settings.port}" for r in asked
        ), "a redirect was followed"
        wanted = udl_service.expected_count(config.sensor_id, START, day_after(START, days))
        assert check_truth(udl_service, config, blind) == wanted
        note_faults(kind, udl_service, config, wanted)
    return asked


def settings_of(seed):
    """What the service is like, drawn."""
    draw = random.Random(seed)
    everything = seed % 3 == 2
    service = {
        "seed": seed,
        "availability": 0.002 if everything else 0.02,
        "outage_rate": 0.3,
        "late": 0.0,
        "no_data": () if everything else ("2025-01-02",),
        "ragged": draw.choice((0.0, 0.5)),
        "duplicates": draw.choice((0.0, 0.2)),
        "gzip": draw.random() < 0.5,
        "missing_id": 0.2 * everything,
    }
    client = {
        "sensor_id": "ALL" if everything else "REACH-135",
        "days": 1 if everything else 3,
        "max_concurrent_requests": draw.choice((1, 2, 4, 8)),
    }
    return draw, service, client


@pytest.mark.parametrize("luck", range(max(1, CAMPAIGNS // 20)))
@pytest.mark.parametrize("kind", PASSING + HARMLESS)
def test_one_kind(kind, luck, tmp_path):
    seed = (PASSING + HARMLESS).index(kind) + 100 * luck
    _, service, client = settings_of(3 * seed)
    asked = campaign(
        kind,
        tmp_path,
        service={**service, "faults": {kind: 0.6}},
        output_format=OUTPUT_FORMATS[seed % len(OUTPUT_FORMATS)],
        blind=("obValue", "seoList", "extra") if kind == "overflow" else (),
        **client,
    )
    assert kind in {r.fault for r in asked}
    if kind == "overflow":  # a reading too large for a double is kept as it came, and nothing else
        kept = {r.get("extra") for p in tmp_path.glob("*.parquet") for r in read_records(p)}
        assert kept <= {None, '{"seoList": [{"obValue": 1e999}]}'}


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_mixed(seed, tmp_path):
    draw, service, client = settings_of(seed)
    kinds = draw.sample([*PASSING, "reordered", "401", "403", "400"], 8)
    everything = client["sensor_id"] == "ALL"
    faults = {kind: draw.uniform(0.01, 0.03 if everything else 0.06) for kind in kinds}
    campaign(
        "mixed",
        tmp_path,
        service={**service, "faults": faults},
        output_format=draw.choice(OUTPUT_FORMATS),
        **client,
    )


@pytest.mark.parametrize(
    "retry_after",
    [None, "seconds", "date", "0", "1e9", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"],
)
def test_refusals(retry_after, tmp_path):
    _, service, client = settings_of(1)
    luck = random.Random(repr(retry_after))

    def script(udl_service):
        udl_service.inject(
            429, times=None, match=lambda request: luck.random() < 0.6, retry_after=retry_after
        )
        udl_service.inject(
            503, times=None, match=lambda request: luck.random() < 0.2, retry_after=retry_after
        )

    campaign(f"429, Retry-After: {retry_after}", tmp_path, service=service, script=script, **client)


def test_refusals_in_real_time(tmp_path):
    _, service, client = settings_of(0)

    def script(udl_service):
        for hour, text in (("00", "0"), ("06", "date"), ("12", None)):
            udl_service.inject(
                429,
                retry_after=text,
                match=lambda r, start=f"2025-01-01T{hour}": r.params["obTime"].startswith(start),
            )

    campaign(
        "429 in real time",
        tmp_path,
        faulty_runs=1,
        service=service,
        script=script,
        run=run_download,
        **client,
    )


def test_time_outs(tmp_path):
    _, service, client = settings_of(1)
    luck = random.Random(1)
    asked = campaign(
        "slow",
        tmp_path,
        faulty_runs=1,
        service=service,
        run=partial(run_in_a_hurry, limits=Limits(connect_seconds=1.0, silence_seconds=0.15)),
        **client,
        script=lambda s: s.inject(
            "slow", times=None, match=lambda r: luck.random() < 0.4, seconds=0.3
        ),
    )
    assert any(r.fault == "slow" for r in asked)


class Liar(BaseHTTPRequestHandler):
    """Answers every question with a valid list, and announces more than it sends."""

    def do_GET(self):
        body = b"0" if self.path.partition("?")[0].endswith("/count") else b"[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + self.server.surplus))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.mark.parametrize(
    "surplus, status", [(0, "SKIPPED_NO_DATA"), (1, "FAILED"), (10**6, "FAILED")]
)
def test_a_length_that_lies(surplus, status, service, tmp_path):
    """A whole and empty list that was to be longer is no answer: who knows what was cut off."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as liar:
        liar.surplus = surplus
        threading.Thread(target=liar.serve_forever, args=(0.02,), daemon=True).start()
        config = config_for(service, tmp_path, 1, sensor_id="REACH-135")
        config.base_url = f"http://127.0.0.1:{liar.server_port}"
        run_in_a_hurry(config)
        liar.shutdown()
    assert [r.status for r in HistoricalTelemetry(config.telemetry_file).iter_rows()] == [
        "DOWNLOAD_PENDING",
        status,
    ]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_service_goes_away_and_comes_back(workers, tmp_path):
    with SimulatedUDL(seed=4, availability=0.02, outage_rate=0.0, late=0.0) as service:
        config = config_for(
            service,
            tmp_path,
            4,
            sensor_id="REACH-135",
            max_concurrent_requests=workers,
            retry_failed=True,
        )
        summary = run_in_a_hurry(
            config,
            on_event=lambda e: isinstance(e, DayFinished) and e.number == 2 and service.stop(),
        )
        assert (summary.days_downloaded, summary.days_failed) == (2, 2)
        rows = list(HistoricalTelemetry(config.telemetry_file).iter_rows())
        assert {r.error_type for r in rows if r.status == "FAILED"} == {"UnreachableError"}
        service.start()
        assert run_in_a_hurry(config).days_failed == 0
        delivered = check_truth(service, config)
        assert delivered == service.expected_count("REACH-135", START, day_after(START, 4))
        note_faults("no connection", service, config, delivered)


@pytest.mark.parametrize("kind", ["503", "html", "truncated", "reset", "400"])
def test_a_day_that_never_comes(kind, tmp_path):
    """One chunk fails for ever: its day is FAILED with the reason, the others are right, and nothing is asked twice in vain."""
    with SimulatedUDL(seed=5, availability=0.02, outage_rate=0.0, late=0.0) as service:
        service.inject(
            kind, times=None, match=lambda r: r.params.get("obTime", "").startswith("2025-01-02T12")
        )
        config = config_for(service, tmp_path, 3, sensor_id="REACH-135")
        summary = run_in_a_hurry(config)
        assert (summary.days_downloaded, summary.days_failed, summary.days_skipped_no_data) == (
            2,
            1,
            0,
        )
        check_truth(service, config)
        before = len(service.requests)
        assert run_in_a_hurry(config).days_failed == 1 and len(service.requests) == before, (
            "a known failure is not asked again"
        )
        service.clear_faults()
        config.retry_failed = True
        assert run_in_a_hurry(config).days_failed == 0
        again = [
            r
            for r in service.requests[before:]
            if "maxResults" in r.params and r.params["maxResults"] != "1"
        ]
        assert len(again) == 4 - len(
            {
                r.params["obTime"]
                for r in service.requests[:before]
                if r.params["obTime"].startswith("2025-01-02") and r.status == 200 and not r.fault
            }
            - {
                r.params["obTime"]
                for r in service.requests[:before]
                if r.params.get("maxResults") == "1"
            }
        ), "only what was missing is asked for"
        delivered = check_truth(service, config)
        assert delivered == service.expected_count("REACH-135", START, day_after(START, 3))
        assert left_behind(tmp_path) == []
        note_faults(f"{kind} without end", service, config, delivered)


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_is_refused_later(status, tmp_path):
    """Nothing more is asked once the credential is refused, and no day is called empty for it."""
    with SimulatedUDL(seed=5, availability=0.02, outage_rate=0.0, late=0.0) as service:
        service.inject(status, times=None, match=lambda r: r.params["obTime"] > "2025-01-02T05")
        config = config_for(service, tmp_path, 4, sensor_id="REACH-135", max_concurrent_requests=2)
        summary = run_in_a_hurry(config)
        assert (summary.days_downloaded, summary.days_failed) == (1, 3)
        assert sum(r.status == status for r in service.requests) <= 2
        rows = list(HistoricalTelemetry(config.telemetry_file).iter_rows())
        assert {r.error_type for r in rows if r.status == "FAILED"} == {"AuthenticationError"}
        check_truth(service, config)
        service.clear_faults()
        config.retry_failed = True
        assert run_in_a_hurry(config).days_downloaded == 3
        delivered = check_truth(service, config)
        assert delivered == service.expected_count("REACH-135", START, day_after(START, 4))
        note_faults(f"{status} in the middle", service, config, delivered)


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_over_full(output_format, tmp_path):
    """Chunks that hold several answers' worth, so that halves of halves are asked for, among faults."""
    start, density = datetime(2025, 1, 1), 8 if output_format == "csv" else 4
    with SimulatedUDL(
        seed=3,
        density=density,
        availability=0.9,
        outage_rate=0.0,
        late=0.0,
        duplicates=0.1,
        ragged=0.05,
        faults={"503": 0.1, "truncated": 0.1, "reset": 0.1, "drop": 0.05},
    ) as service:
        pace = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 2000.0)
        path = download_UDL_reach_window(
            auth_token=service.auth_token,
            base_url=service.base_url,
            sensor_id="ALL",
            descriptor="QUICKLOOK",
            output_format=output_format,
            start_time=start,
            end_time=start + timedelta(minutes=5),
            output_dir=tmp_path,
            **pace,
        )
        truth = service.expected_records("ALL", start, start + timedelta(minutes=5))
        assert compare(path, truth, output_format) == len(truth) > 3_200 * density
        assert left_behind(tmp_path) == []
        FAULTS["over-full, halves too"].update(
            campaigns=1,
            records_held=len(truth),
            records_delivered=len(truth),
            days_failed=0,
            requests=len(service.requests),
            faults=sum(bool(r.fault) for r in service.requests),
        )
