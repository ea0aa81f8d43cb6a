"""The public names of the package and where they are defined: read at run time, by editors and by type checkers."""

from .constellation import (
    CHANNELS as CHANNELS,
    Channel as Channel,
    EXPECTED_RECORDS_ALL as EXPECTED_RECORDS_ALL,
    EXPECTED_RECORDS_SINGLE as EXPECTED_RECORDS_SINGLE,
    FLAVORS as FLAVORS,
    SENSORS as SENSORS,
    SENSOR_IDS as SENSOR_IDS,
    expected_records as expected_records,
)
from .flags import (
    QualityFlag as QualityFlag,
)
from .windows import (
    Window as Window,
    chunk_windows as chunk_windows,
    day_window as day_window,
    iter_dates as iter_dates,
)
from .dataset import (
    Dataset as Dataset,
)
from .errors import (
    AuthenticationError as AuthenticationError,
    BadAnswerError as BadAnswerError,
    ConnectionSetupError as ConnectionSetupError,
    NoRecordsError as NoRecordsError,
    OverfullError as OverfullError,
    RateLimitedError as RateLimitedError,
    ReachError as ReachError,
    RequestRejectedError as RequestRejectedError,
    RunLockedError as RunLockedError,
    RunStopped as RunStopped,
    ServiceError as ServiceError,
    TransientError as TransientError,
    UDLError as UDLError,
    UnreachableError as UnreachableError,
    error_tree as error_tree,
)
from .telemetry import (
    HistoricalTelemetry as HistoricalTelemetry,
    STATUSES as STATUSES,
    STATUS_DOWNLOADED as STATUS_DOWNLOADED,
    STATUS_DOWNLOAD_PENDING as STATUS_DOWNLOAD_PENDING,
    STATUS_FAILED as STATUS_FAILED,
    STATUS_PROCESSED as STATUS_PROCESSED,
    STATUS_PROCESS_PENDING as STATUS_PROCESS_PENDING,
    STATUS_SKIPPED_NO_DATA as STATUS_SKIPPED_NO_DATA,
    STATUS_SKIPPED_NO_INPUT as STATUS_SKIPPED_NO_INPUT,
    STATUS_UPLOADED as STATUS_UPLOADED,
    STATUS_UPLOAD_PENDING as STATUS_UPLOAD_PENDING,
    TelemetryRow as TelemetryRow,
    utcnow_iso as utcnow_iso,
)
from .config import (
    DownloadRunConfig as DownloadRunConfig,
)
from .decision import (
    decide_action as decide_action,
)
from .planning import (
    Plan as Plan,
    PlannedDay as PlannedDay,
    plan_backfill as plan_backfill,
    plan_run as plan_run,
    plan_runs as plan_runs,
)
from .events import (
    ChunkDone as ChunkDone,
    DayFinished as DayFinished,
    DayOutcome as DayOutcome,
    DayStarted as DayStarted,
    DayWitnessed as DayWitnessed,
    DownloadRunSummary as DownloadRunSummary,
    Event as Event,
    RateChanged as RateChanged,
    Retrying as Retrying,
    RunFinished as RunFinished,
    RunPlanned as RunPlanned,
    TooFewInFlight as TooFewInFlight,
)
from .service.limiter import (
    AdaptiveRateController as AdaptiveRateController,
)
from .service.credentials import (
    find_udl_auth as find_udl_auth,
    resolve_udl_auth as resolve_udl_auth,
)
from .service.client import (
    UDLClient as UDLClient,
)
from .service.findings import (
    Report as Report,
)
from .service.check import (
    check_service as check_service,
)
from .archive.formats import (
    count_records as count_records,
)
from .archive.observations import (
    flagged as flagged,
    reading_flags as reading_flags,
)
from .archive.reading import (
    Archive as Archive,
    iter_archive as iter_archive,
    read_archive as read_archive,
    read_artifact as read_artifact,
    scan_archive as scan_archive,
)
from .archive.frames import (
    readings as readings,
)
from .archive.engines import (
    duckdb_view as duckdb_view,
    polars_scan as polars_scan,
)
from .archive.exchange import (
    to_qtable as to_qtable,
    to_timeseries as to_timeseries,
    to_xarray as to_xarray,
)
from .archive.l1c import (
    read_l1c as read_l1c,
    write_l1c as write_l1c,
)
from .archive.convert import (
    convert_archive as convert_archive,
)
from .simulated.service import (
    SimulatedUDL as SimulatedUDL,
)
from .download import (
    download_UDL_reach_to_file as download_UDL_reach_to_file,
    download_UDL_reach_window as download_UDL_reach_window,
)
from .backfill import (
    run_download as run_download,
    run_downloads as run_downloads,
)
from .verify import (
    verify_archive as verify_archive,
)
from .look.days import (
    availability_frame as availability_frame,
    datasets as datasets,
)
from .look.text import (
    describe as describe,
    text_calendar as text_calendar,
)
from .look.plan import (
    describe_plan as describe_plan,
    plot_plan as plot_plan,
)
from .look.calendar import (
    plot_calendar as plot_calendar,
)
from .look.bars import (
    plot_days as plot_days,
)
from .look.rate import (
    plot_rate as plot_rate,
)
from .look.coverage import (
    describe_gaps as describe_gaps,
    describe_sensor_days as describe_sensor_days,
    gaps as gaps,
    sensor_days as sensor_days,
)
from .look.coverage_pictures import (
    plot_gaps as plot_gaps,
    plot_sensor_days as plot_sensor_days,
)
from .look.by_day import (
    each_day as each_day,
)
from .look.dose import (
    daily_dose as daily_dose,
    describe_dose as describe_dose,
    dose_statistics as dose_statistics,
)
from .look.dose_pictures import (
    plot_daily_dose as plot_daily_dose,
    plot_dose_series as plot_dose_series,
)
from .look.dose_map import (
    describe_dose_map as describe_dose_map,
    dose_map as dose_map,
)
from .look.map_pictures import (
    plot_dose_map as plot_dose_map,
)
from .look.keogram import (
    keogram as keogram,
)
from .look.keogram_pictures import (
    plot_keogram as plot_keogram,
)
from .look.magnetic import (
    add_coordinates as add_coordinates,
)
from .panel.explorer import (
    AvailabilityExplorer as AvailabilityExplorer,
)
from .panel.launcher import (
    BackfillLauncher as BackfillLauncher,
)

__version__: str
