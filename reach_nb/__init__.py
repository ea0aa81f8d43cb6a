"""Backfill months of REACH dosimeter data from the Unified Data Library, and see what you have.

Every public name is here: `from reach_nb import run_download`. A name is imported from its module when it is
first used, so that `import reach_nb` itself costs next to nothing.
"""
__version__ = "0.1.0"

from importlib import import_module

_PUBLIC = {
    "constellation": "EXPECTED_RECORDS_ALL EXPECTED_RECORDS_SINGLE FLAVORS SENSORS SENSOR_IDS expected_records",
    "windows": "Window chunk_windows day_window iter_dates",
    "telemetry": (
        "HistoricalTelemetry TelemetryRow STATUSES STATUS_DOWNLOADED STATUS_DOWNLOAD_PENDING STATUS_FAILED "
        "STATUS_PROCESSED STATUS_PROCESS_PENDING STATUS_SKIPPED_NO_DATA STATUS_SKIPPED_NO_INPUT STATUS_UPLOADED "
        "STATUS_UPLOAD_PENDING utcnow_iso"
    ),
    "planning": "DownloadRunConfig PlannedDay decide_action plan_backfill",
    "limiter": "AdaptiveRateController",
    "simulator": "SimulatedUDL",
    "credentials": "find_udl_auth resolve_udl_auth",
    "udl": (
        "AuthenticationError BadAnswerError NoRecordsError OverfullError RateLimitedError ReachError "
        "RequestRejectedError RunLockedError RunStopped ServiceError TransientError UDLClient UDLError UnreachableError"
    ),
    "formats": "count_records",
    "download": "ChunkDone download_UDL_reach_to_file download_UDL_reach_window",
    "backfill": "DayFinished DayStarted DownloadRunSummary RateChanged RunFinished RunPlanned TooFewInFlight run_download",
    "verify": "verify_archive",
    "availability": "availability_frame datasets describe plot_calendar plot_days plot_rate text_calendar",
    "observations": "iter_archive read_archive read_artifact to_qtable to_timeseries",
    "coverage": "describe_gaps describe_sensor_days gaps plot_gaps plot_sensor_days sensor_days",
    "dose": "daily_dose describe_dose plot_daily_dose plot_dose_map plot_dose_series",
    "convert": "convert_archive",
    "widgets": "AvailabilityExplorer BackfillLauncher",
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names.split()}
__all__ = ["__version__", *_HOME]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
