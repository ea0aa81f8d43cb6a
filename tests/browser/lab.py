"""A JupyterLab of its own on loopback, and a page of it in Debian's Chromium, driven by Playwright."""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
]
SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Light", "adaptive-theme": False},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
HARMLESS = ("favicon", "Service Worker", "ResizeObserver loop")
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def what_is_missing():
    """What these tests need and this machine lacks (str); empty if nothing."""
    packages = [
        name for name in ("jupyterlab", "playwright") if importlib.util.find_spec(name) is None
    ]
    programs = (
        []
        if Path(CHROMIUM).exists()
        else [f"{CHROMIUM} (apt-get install chromium, or name it in $CHROMIUM)"]
    )
    return ", ".join(
        [f"the package {name} (pip install -e '.[dev]')" for name in packages] + programs
    )


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LabServer:
    """JupyterLab with config, data, runtime and settings folders of its own."""

    def __init__(self, root, env):
        self.root, self.port, self.token = Path(root), _free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = Path(tempfile.mkdtemp(prefix="lab-"))
        self.log = self.state / "jupyter.log"
        (self.state / "settings").mkdir()
        (self.state / "settings" / "overrides.json").write_text(json.dumps(SETTINGS))
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "user-settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "MPLCONFIGDIR": "matplotlib",
            "HOME": "home",
        }
        (self.state / "home").mkdir()
        keep = {
            k: v
            for k, v in os.environ.items()
            if k not in ("IN_TEST", "BASICAUTH", "NETRC", "SECRET_ARN_UDL")
            and not k.startswith(("UDL_AUTH", "PYTEST", "COV_"))
        }
        self.env = (
            keep
            | {name: str(self.state / folder) for name, folder in folders.items()}
            | {"JUPYTER_TOKEN": self.token}
            | env
        )

    def start(self, seconds=90):
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
            f"--LabApp.app_settings_dir={self.state / 'settings'}",
            "--ServerApp.terminals_enabled=False",
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                env=self.env,
                cwd=self.root,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.api("status")
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("JupyterLab did not start:\n" + self.log.read_text()[-3000:])

    def api(self, path, method="GET"):
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self):
        for kernel in self.api("kernels"):
            try:
                self.api(f"kernels/{kernel['id']}", "DELETE")
            except OSError:
                pass

    def stop(self):
        try:
            self.end_kernels()
        except OSError:
            pass
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.state, ignore_errors=True)


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            yield browser
        finally:
            browser.close()


class LabPage:
    """One JupyterLab page; notebooks are opened in it one after the other."""

    def __init__(self, browser, server, scale=1):
        self.server = server
        self.page = browser.new_context(
            viewport={"width": 1280, "height": 1000}, locale="en-US", device_scale_factor=scale
        ).new_page()
        self.page.set_default_timeout(30_000)
        self.console, self.elsewhere = [], []
        self.page.on(
            "console", lambda m: self.console.append((m.type, m.text, m.location.get("url", "")))
        )
        self.page.on("pageerror", lambda e: self.console.append(("error", str(e), "")))
        self.page.on("request", self._note_request)
        self.received = 0  # bytes that kernels have sent to the page
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._note_frame))
        self._loaded = False
        self._promises = 0  # that were looked for

    def _note_frame(self, payload):
        self.received += len(payload)

    def _note_request(self, request):
        if not request.url.startswith(
            (self.server.url, "data:", "blob:", self.server.url.replace("http", "ws"))
        ):
            self.elsewhere.append(request.url)

    def open(self, name):
        """Open a notebook of the server's folder with a new kernel."""
        if not self._loaded:
            self.page.goto(
                f"{self.server.url}/lab?reset&token={self.server.token}",
                wait_until="domcontentloaded",
            )
            self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=90_000)
            assert self.came_of("() => jupyterapp.restored", seconds=30) == "done"
            self.command("application:toggle-left-area")
            self._loaded = True
        self.console.clear()
        # the command's promise may be dropped unkept; what is awaited is the notebook
        self.page.evaluate(
            "(path) => { jupyterapp.commands.execute('docmanager:open', {path}) }", name
        )
        self.page.wait_for_function(
            """(path) => { const seen = jupyterapp.shell.currentWidget, context = seen?.context;
            return context?.localPath === path && context.isReady
              && seen.sessionContext.session?.kernel?.status === 'idle' }""",
            arg=name,
            timeout=90_000,
        )
        self.page.wait_for_selector(f"{PANEL} .jp-Notebook .jp-Cell")

    def came_of(self, promising, arg=None, seconds=60):
        """What comes of a promise of the page: `done`, `failed: …`, or `took too long`.

        The page is asked again and again. A promise that the browser awaits for us may be thrown
        away while it does ("Resulting promise was garbage collected").
        """
        self._promises += 1
        self.page.evaluate(
            "([n, arg]) => { const came = (window.reachNbPromises ??= {}); "
            f"({promising})(arg)"
            ".then(() => { came[n] = 'done' }, (e) => { came[n] = 'failed: ' + e }) }",
            [self._promises, arg],
        )
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if came := self.page.evaluate("(n) => window.reachNbPromises[n]", self._promises):
                return came
            self.page.wait_for_timeout(20)
        return "took too long"

    def command(self, name, args=None, seconds=60, cell=None):
        """Run a JupyterLab command, on a cell if told; a promise that is never kept ends in a failure, not in silence."""
        said = self.came_of(
            """([name, args, cell]) => {
            if (cell !== null) jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
            return jupyterapp.commands.execute(name, args || {}) }""",
            [name, args, cell],
            seconds,
        )
        assert said == "done", f"{name} {said}"

    def run_cell(self, number, seconds=60):
        """Run a cell; it is chosen in the same breath, since a panel's focus may choose another."""
        self.command("notebook:run-cell", seconds=seconds, cell=number)

    def set_source(self, number, text):
        """Put other code into a cell."""
        self.page.evaluate(
            "([n, text]) => jupyterapp.shell.currentWidget.content.model.cells.get(n).sharedModel.setSource(text)",
            [number, text],
        )

    def output(self, number):
        """The text of a cell's outputs, from the document."""
        outputs = self.page.evaluate(
            "(n) => jupyterapp.shell.currentWidget.content.model.cells.get(n).outputs.toJSON()",
            number,
        )
        return "".join(
            "".join(o.get("text", ""))
            or str(o.get("data", {}).get("text/plain", ""))
            or o.get("evalue", "")
            for o in outputs
        )

    def ask(self, code):
        """What a line of code prints in the notebook's kernel; it goes into a cell of its own at the end."""
        self.page.evaluate(
            "() => { const n = jupyterapp.shell.currentWidget.content; n.activeCellIndex = n.model.cells.length - 1 }"
        )
        self.command("notebook:insert-cell-below")
        self.page.evaluate(
            "(code) => jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code)",
            code,
        )
        self.command("notebook:run-cell")
        return self.output(
            self.page.evaluate(
                "() => jupyterapp.shell.currentWidget.content.model.cells.length - 1"
            )
        )

    def panel(self, number=0):
        """The `number`th panel of ours in the notebook."""
        return self.page.locator(f"{PANEL} .rn-panel").nth(number)

    def save(self):
        self.command("docmanager:save")

    def theme(self, light):
        self.command(
            "apputils:change-theme", {"theme": f"JupyterLab {'Light' if light else 'Dark'}"}
        )
        self.page.wait_for_function(
            f"() => document.body.dataset.jpThemeLight === '{str(light).lower()}'"
        )

    def close_notebooks(self):
        self.page.evaluate("""async () => { for (const w of [...jupyterapp.shell.widgets('main')]) {
            if (w.context) w.context.model.dirty = false; w.dispose(); } return true }""")
        self.server.end_kernels()

    def complaints(self):
        """Errors in the browser's console, and whatever was asked of another host."""
        errors = [
            said
            for said in self.console
            if said[0] == "error" and not any(word in " ".join(said) for word in HARMLESS)
        ]
        return errors + self.elsewhere
