"""Seconds from `import reach_nb` to the first connection of a run, in this process.

python first_request.py csv
"""

import os
import socket
import sys
import tempfile
import threading
import time

server = socket.create_server(("127.0.0.1", 0))
began = time.perf_counter()


def run(output_format, folder):
    from datetime import date

    from reach_nb import DownloadRunConfig, run_download

    day, address = date(2025, 1, 31), f"http://127.0.0.1:{server.getsockname()[1]}"
    run_download(
        DownloadRunConfig(
            day, day, folder, output_format=output_format, auth_token="none", base_url=address
        ),
        progress=False,
    )


# the run still writes there when this is over
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    threading.Thread(target=run, args=(sys.argv[1], folder), daemon=True).start()
    server.accept()
    print(time.perf_counter() - began, flush=True)
os._exit(0)  # the run waits for an answer that never comes
