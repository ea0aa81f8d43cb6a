"""BackfillLauncher in a real JupyterLab and a real browser, against the embedded service."""

import csv
import json
import re

import pytest
from lab import PANEL
from playwright.sync_api import expect

from conftest import PASSWORD, USER
from reach_nb.constellation import SENSOR_IDS
from reach_nb.panel.jobs import SURE_SECONDS

SECRETS = (PASSWORD, "b2JzZXJ2ZXI6")  # and how every header for that user begins
CONTRAST = """([text, least]) => {
  const parse = (c) => { const v = c.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const light = (v) => v.slice(0, 3).map((x) => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; })
    .reduce((sum, x, i) => sum + x * [.2126, .7152, .0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const v = parse(getComputedStyle(e).backgroundColor); if (v[3] === 1) return v; } return [255, 255, 255, 1]; };
  const bad = [];
  for (const e of document.querySelectorAll(text)) {
    if (!e.getClientRects().length) continue;
    const inSvg = e instanceof SVGElement, own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!inSvg && !own && !(e.value && e.tagName !== "PROGRESS" && e.tagName !== "BUTTON")) continue;
    const [a, b] = [light(parse(getComputedStyle(e)[inSvg ? "fill" : "color"])), light(ground(inSvg ? e.closest("div") : e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least) bad.push([e.tagName, (e.textContent || e.value).trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return bad;
}"""
FOCUSED = "() => { const e = document.activeElement; return e.labels?.[0]?.innerText?.trim() || e.innerText?.trim() || e.getAttribute('aria-label') || e.tagName }"


def launcher_cell(udl, folder, first="2025-01-01", last="2025-01-06", **settings):
    settings = {"sensor_id": "REACH-135", "base_url": udl.base_url, **settings}
    words = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"from reach_nb import BackfillLauncher\nlauncher = BackfillLauncher('{first}', '{last}', '{folder}', {words})\nlauncher"


def slow(**more):
    return {"initial_rate": 4.0, "min_rate": 4.0, "max_rate": 4.0, "additive_increase": 0.0, **more}


def hold(udl, moment, seconds=60):
    """No answer to what is asked from this moment of a day on, so that a run is surely under way, on any machine."""
    day, hour = moment.split("T")
    udl.inject(
        "slow",
        times=None,
        seconds=seconds,
        match=lambda request: (
            request.params.get("maxResults") != "1"
            and day == request.params["obTime"][:10]
            and request.params["obTime"][11:13] >= hour
        ),
    )


def status(panel, text, seconds=60):
    expect(panel.locator(".rn-status").first).to_contain_text(text, timeout=1000 * seconds)


def logged_in(panel):
    """The login is taken, and what stands below its fields has moved up."""
    expect(panel.get_by_text("Login: typed here")).to_be_visible()
    expect(panel.get_by_label("UDL password")).to_be_hidden()


def log_in(panel):
    panel.get_by_label("UDL user name").fill(USER)
    panel.get_by_label("UDL password").fill(PASSWORD)
    panel.get_by_role("button", name="Use this login").click()
    logged_in(panel)


def button(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def press_again(panel, name):
    """Press a button that the end of a run has brought: a click that comes at once would be meant for another."""
    expect(button(panel, name)).to_be_visible()
    panel.page.wait_for_timeout(1000 * SURE_SECONDS)
    button(panel, name).click()


def rows_of(folder):
    with open(folder / "download_telemetry.csv", newline="") as file:
        return list(csv.DictReader(file))


def chunks_asked(udl):
    """The times of the records that were asked for; counts and the trial of the login are none."""
    return [r.params["obTime"] for r in udl.requests if r.params.get("maxResults", "1") != "1"]


def no_secret(text):
    return not any(secret in text for secret in SECRETS)


@pytest.fixture(autouse=True)
def quiet_service(udl):
    udl.clear_faults()
    udl.clear_requests()
    yield
    udl.clear_faults()


def press_until(page, wanted, key="Tab", most=40):
    """Press a key until the focus is on what is wanted; what was passed on the way."""
    passed = []
    for _ in range(most):
        page.keyboard.press(key)
        passed.append(page.evaluate(FOCUSED))
        if passed[-1] == wanted:
            return passed
    raise AssertionError(f"{wanted!r} was not reached: {passed}")


def test_the_whole_way_by_keyboard(lab, udl):
    """Fill in, plan, start, watch, stop, start again, finish, see the calendar; save and reopen."""
    hold(udl, "2025-01-03T12")
    lp = lab(
        launcher_cell(udl, "keys", first="2024-12-30", last="2024-12-31", initial_rate=25.0),
        "from reach_nb import AvailabilityExplorer\nexplorer = AvailabilityExplorer('keys')\nexplorer",
        "launcher.summary",
    )
    lp.run_cell(0)
    panel, page, keys = lp.panel(), lp.page, lp.page.keyboard
    expect(panel).to_have_attribute("aria-label", "Backfill")
    panel.get_by_label("First day (UTC)").focus()
    keys.press("Control+a")
    keys.type("2025-01-02")
    assert press_until(page, "Last day (UTC)") == ["Last day (UTC)"]
    keys.press("Control+a")
    keys.type("2025-01-03")
    keys.press("ArrowUp")  # a day later
    assert press_until(page, "Sensor")[-1] == "Sensor"
    keys.press("Control+a")
    keys.type("REACH-101")
    passed = press_until(page, "UDL user name")
    assert passed == [
        "Descriptor",
        "Format",
        "Output folder",
        "Show advanced settings",
        "Why, and other ways",
        "UDL user name",
    ]
    keys.type(USER)
    press_until(page, "UDL password")
    keys.type(PASSWORD)
    keys.press("Enter")
    logged_in(panel)
    page.wait_for_function(
        f"() => ({FOCUSED})() === 'Start'"
    )  # the inputs are gone, and the focus has gone on
    assert press_until(page, "Plan") == ["Plan"]
    keys.press("Enter")
    expect(panel.get_by_text("3 days to download: 15 requests")).to_be_visible()
    assert panel.locator("table.rn-table tbody tr").count() == 1  # three days with one fate
    strip = panel.get_by_role("slider", name="Days of the run")
    expect(strip.locator("svg")).to_have_count(1)
    expect(panel.get_by_text("to download (3)")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == "Start"
    keys.press("Enter")
    expect(strip.locator(".rn-day-running")).to_have_count(1, timeout=30_000)
    expect(panel.get_by_text("1 of 3", exact=True)).to_be_visible(timeout=60_000)
    assert page.evaluate(FOCUSED) == "Stop"  # the focus has gone from Start to what is there now
    assert panel.get_by_label("Sensor").is_hidden()  # the form is folded
    expect(
        panel.get_by_text(re.compile("^[1-9][0-9]* (s|min) so far"))
    ).to_be_visible()  # not at once
    keys.press("Space")
    status(panel, "Stopped:", 5)
    expect(panel.locator(".rn-status").first).to_contain_text("Start again to go on")
    page.wait_for_function(f"() => ({FOCUSED})() === 'Start'")
    before = len(chunks_asked(udl))
    assert 4 <= before <= 8
    udl.clear_faults()
    page.wait_for_timeout(1000 * SURE_SECONDS)  # a key that comes at once would be one on Stop
    keys.press("Enter")
    status(panel, "✔ 3 days planned: ")
    asked = chunks_asked(udl)
    assert (
        len(set(asked)) == 12 and len(asked) <= 12 + 4
    )  # only what was in flight is asked for twice
    assert [
        r["chunk_date_utc"] for r in rows_of(lp.server.root / "keys") if r["status"] == "DOWNLOADED"
    ] == [f"2025-01-0{n}" for n in (2, 3, 4)]
    lp.run_cell(1)
    slider = lp.panel(1).get_by_role("slider", name="Days of the archive")
    expect(slider.locator("svg").first).to_be_visible()
    slider.focus()
    keys.press("End")
    expect(lp.panel(1).get_by_text("Saturday, 2025-01-04 (UTC)")).to_be_visible()
    assert "2025-01-04: downloaded" in slider.get_attribute("aria-valuetext")
    assert (
        lp.page.locator(f"{PANEL} .jp-Notebook .jp-Cell").count() == 3
    )  # no letter or arrow key became a command
    lp.run_cell(2)
    assert "<DownloadRunSummary 3 days planned" in lp.output(2)
    lp.save()
    saved = lp.path.read_text()
    assert no_secret(saved) and "3 days planned" in saved  # the plain summary is in the file
    assert "idle" not in saved and "no run yet" not in saved.lower()  # and nothing that is untrue
    assert lp.complaints() == []
    lp.close_notebooks()
    lp.open(lp.path.name)
    summary = page.locator(f"{PANEL} .rn-saved").first
    expect(summary).to_contain_text("3 days planned: ")
    expect(summary).to_be_visible()  # there is no live panel: the summary shows
    expect(summary.locator("[role=img] svg")).to_be_visible()  # with its days
    archive = page.locator(f"{PANEL} .rn-saved").nth(1)
    expect(archive).to_contain_text("3 of 3 days")  # the explorer's, as it was at last
    expect(archive.locator("[role=img] svg")).to_be_visible()


def test_a_login_in_the_cell_is_not_asked_for(lab, udl):
    """However often the cell is run: its fields are hidden from the first moment on."""
    lp = lab(launcher_cell(udl, "given", auth_token=udl.auth_token))
    for _ in range(4):
        lp.run_cell(0)
        expect(lp.panel().get_by_text("Login: given in code")).to_be_visible()
        expect(button(lp.panel(), "Start")).to_be_visible()
        lp.page.wait_for_timeout(200)  # a late style would show them now
        assert lp.panel().get_by_label("UDL password").is_hidden()
    assert no_secret(str(lp.panel().inner_html()))


def test_letters_stay_in_the_panel(lab, udl):
    lp = lab(launcher_cell(udl, "letters"), "1")
    lp.run_cell(0)
    panel = lp.panel()
    lp.command("notebook:enter-command-mode")
    lp.page.wait_for_selector(".rn-panel button[data-lm-suppress-shortcuts]")
    for control in (
        button(panel, "Plan"),
        panel.get_by_label("Format"),
        button(panel, "Show advanced settings"),
    ):
        control.focus()
        for key in "abxm":
            lp.page.keyboard.press(key)
    assert lp.page.locator(f"{PANEL} .jp-Notebook .jp-Cell").count() == 2


def test_errors_stand_beside_their_fields(lab, udl):
    lp = lab(launcher_cell(udl, "errors", sensor_id="REACH-1O1", limit_days=0))
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("Last day (UTC)").fill("2024-06-01")
    button(panel, "Plan").click()
    for label, wrong in (
        ("Last day (UTC)", "is before “First day (UTC)”"),
        ("Sensor", "did you mean REACH-1"),
        ("Days at most", "is not a whole number"),
    ):
        field = panel.get_by_label(label, exact=True)
        expect(field).to_be_visible()  # the advanced settings are opened for theirs
        expect(field).to_have_attribute("aria-invalid", "true")
        error = panel.locator(f"#{field.get_attribute('aria-describedby')}")
        expect(error).to_contain_text(wrong)
        box, below = field.bounding_box(), error.bounding_box()
        assert 0 <= below["y"] - (box["y"] + box["height"]) < 15  # right under it
    expect(panel.get_by_text("to download")).to_have_count(0)  # no plan of before stands below
    panel.get_by_label("Last day (UTC)").fill("2025-01-02")
    panel.get_by_label("Last day (UTC)").press("Tab")  # an error goes as soon as it is mended
    expect(panel.locator(".rn-field .rn-error", has_text="is before")).to_have_count(0)
    assert panel.get_by_label("Sensor").evaluate(
        "e => [...e.list.options].map((o) => o.value)"
    ) == ["ALL", *SENSOR_IDS]  # searched by typing
    panel.get_by_label("Sensor").fill("REACH-101")
    panel.get_by_label("Days at most").fill("1")
    button(panel, "Plan").click()
    expect(panel.get_by_text("1 day to download")).to_be_visible()
    expect(panel.get_by_text("another value")).to_have_count(0)
    expect(panel.locator(".rn-error")).to_have_count(0)
    assert lp.complaints() == []


def press_slowly(page, where):
    """Press the mouse as a hand does: what it is pressed on may be answered before it is released."""
    box = where.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(400)  # that something may happen meanwhile, and nothing must
    page.mouse.up()


def test_a_click_counts_that_ends_the_mending_of_a_field(lab, udl):
    """What is typed is told when the mouse is pressed elsewhere: the error goes, and all below it moves up."""
    lp = lab(launcher_cell(udl, "mended", first="2025-01-02", last="2025-01-01"))
    lp.run_cell(0)
    panel = lp.panel()
    expect(panel.get_by_text("is before")).to_be_visible()
    panel.get_by_label("Last day (UTC)").fill("2025-01-02")
    press_slowly(lp.page, button(panel, "Plan"))
    expect(panel.get_by_text("is before")).to_be_hidden()
    expect(panel.locator("details[data-fold=plan]")).to_have_attribute("open", "")  # as Plan does
    assert lp.complaints() == []


def test_a_click_counts_that_ends_the_typing_of_a_password(lab, udl):
    """The password is handed over when the mouse is pressed elsewhere: its field goes, and all below it moves up."""
    lp = lab(launcher_cell(udl, "typed", last="2025-01-01"))
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("UDL user name").fill(USER)
    panel.get_by_label("UDL password").fill(PASSWORD)
    press_slowly(lp.page, button(panel, "Start"))
    status(panel, "✔ 1 day planned: 1 downloaded")
    assert panel.locator("input[type=password]").input_value() == ""
    assert lp.complaints() == []


def test_a_wrong_login_is_asked_for_again(lab, udl):
    lp = lab(launcher_cell(udl, "login", last="2025-01-01"))
    lp.run_cell(0)
    panel = lp.panel()
    button(panel, "Start").click()
    expect(panel.get_by_text("There is no login yet")).to_be_visible()
    panel.get_by_label("UDL user name").fill(USER)
    panel.get_by_label("UDL password").fill("wrong-" + PASSWORD)
    panel.get_by_label("UDL password").press(
        "Tab"
    )  # leaving the field hands it over and empties it
    logged_in(panel)
    assert panel.locator("input[type=password]").input_value() == ""
    button(panel, "Start").click()
    expect(panel.get_by_text("Type another login here")).to_be_visible(timeout=30_000)
    log_in(panel)
    press_again(panel, "Start")
    status(panel, "✔ 1 day planned: 1 downloaded")
    assert no_secret(lp.page.content())


def test_widget_state_that_is_saved_holds_no_login(lab, udl):
    lp = lab(launcher_cell(udl, "state", last="2025-01-01"))
    lp.run_cell(0)
    log_in(lp.panel())
    lp.page.get_by_role("menuitem", name="Settings", exact=True).click()
    lp.page.get_by_text("Save Widget State Automatically").click()
    button(lp.panel(), "Start").click()
    status(lp.panel(), "✔ 1 day planned: 1 downloaded")
    lp.save()
    saved = json.loads(lp.path.read_text())
    widgets = saved["metadata"].get("widgets", {})
    lp.page.get_by_role("menuitem", name="Settings", exact=True).click()
    lp.page.get_by_text("Save Widget State Automatically").click()
    assert "REACH-135" in json.dumps(widgets)  # the state is there
    assert no_secret(json.dumps(saved))


def test_failed_days_are_told_and_tried_again(lab, udl):
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-02T06")
    )
    lp = lab(launcher_cell(udl, "failed", last="2025-01-03", initial_rate=25.0), "print('mine')")
    lp.run_cell(0)
    panel = lp.panel()
    log_in(panel)
    button(panel, "Start").click()
    status(panel, "2 downloaded, 0 there already, 0 without data, 1 failed")
    table = panel.get_by_role("region", name="Days that need a look")
    expect(table).to_contain_text("2025-01-02")
    expect(table).to_contain_text("RequestRejectedError")
    assert not re.search("[a-z]+_[a-z]+|[A-Z]+_[A-Z]+", panel.locator(".rn-log").inner_text())
    lp.run_cell(1)
    assert lp.output(1) == "mine\n"  # nothing that the run said lands under another cell
    udl.clear_faults()
    press_again(panel, "Retry 1 failed day")
    status(panel, "1 downloaded, 2 there already, 0 without data, 0 failed")
    expect(button(panel, "Retry 1 failed day")).to_be_hidden()
    expect(panel.locator(".rn-log")).to_contain_text("2025-01-01: there already")
    assert lp.complaints() == []


def test_any_panel_of_the_kernel_shows_and_stops_its_run(lab, udl):
    """Two views of a launcher, the cell edited and run again, and a launcher for elsewhere."""
    pace = slow(initial_rate=3.0, min_rate=3.0, max_rate=3.0)
    cell = launcher_cell(udl, "shared", last="2025-03-31", **pace)
    other = launcher_cell(udl, "not-shared", first="2025-02-01", last="2025-02-01")
    lp = lab(cell, "launcher", other.replace("launcher", "other"), "import time; time.sleep(4)")
    lp.run_cell(0)
    lp.run_cell(1)
    one, two = lp.panel(0), lp.panel(1)
    log_in(one)
    button(one, "Start").click()
    for panel in (one, two):
        expect(panel.locator(".rn-day-running")).to_have_count(1, timeout=30_000)
        expect(panel.locator("svg[aria-label^='Request rate']")).to_be_visible(timeout=30_000)
    done = two.locator(".rn-tiles div", has_text="Requests").locator("b")
    before = done.inner_text()
    lp.page.evaluate(
        "() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 3; jupyterapp.commands.execute('notebook:run-cell') }"
    )
    expect(done).not_to_have_text(
        before, timeout=3_900
    )  # it moves while a cell keeps the kernel busy
    lp.page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.content.model.cells.get(3).executionCount > 0",
        timeout=30_000,
    )
    edited = cell.replace("2025-03-31", "2025-02-02").replace("3.0", "5.0")
    lp.set_source(0, edited)
    lp.run_cell(0)  # the cell, edited, again: the run that writes there is shown
    expect(lp.panel(0).locator(".rn-day-running")).to_have_count(1)
    expect(lp.panel(0).locator(".rn-head")).to_contain_text("2025-01-01 to 2025-03-31")
    lp.run_cell(2)
    third = lp.panel(2)
    expect(button(third, "Start")).to_be_visible()  # a run elsewhere is another one
    third.get_by_role("button", name="Show the run in").click()
    expect(third.locator(".rn-day-running")).to_have_count(1)
    button(third, "Stop").click()
    for panel in (lp.panel(0), two, third):
        status(panel, "Stopped:", 10)
    assert lp.complaints() == []


def panel_is_dead(lp):
    """Whether a panel shows one line, and neither its parts nor an icon."""
    seen = lp.panel().evaluate("""(e) => [getComputedStyle(e, "::before").content,
        [...e.children].filter((child) => child.offsetParent).length]""")
    return "kernel of this panel has ended" in seen[0] and seen[1] == 0


def test_a_kernel_that_dies_loses_nothing(lab, udl):
    hold(udl, "2025-01-02T12")
    cell = launcher_cell(udl, "killed", last="2025-01-02", initial_rate=25.0)
    lp = lab(cell, "import os; os.environ.update(UDL_AUTH_USERNAME='x')")
    lp.run_cell(0)
    log_in(lp.panel())
    button(lp.panel(), "Start").click()
    lp.page.wait_for_function(
        "() => document.querySelector(\"progress[aria-label='Requests']\")?.value == 7",
        timeout=60_000,
    )
    lp.page.evaluate(
        """() => Promise.race([new Promise((then) => setTimeout(() => then(true), 30_000)),
        jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart().then(() => true)])"""
    )
    lp.page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
        timeout=60_000,
    )
    saved = lp.page.locator(f"{PANEL} .rn-saved").first
    expect(saved).to_be_visible()  # nothing looks alive that is not
    expect(saved).to_contain_text("A run was under way at")
    expect(saved).to_contain_text("Run the cell again to bring it back")
    expect(saved.locator("[role=img] svg").first).to_be_visible()
    assert panel_is_dead(lp)
    first = set(chunks_asked(udl))
    udl.clear_requests()
    udl.clear_faults()
    lp.run_cell(0)
    expect(saved).to_be_hidden()
    panel = lp.panel()
    log_in(panel)
    button(panel, "Start").click()
    status(panel, "✔ 2 days planned: 1 downloaded, 1 there already")
    second = chunks_asked(udl)
    assert len(first) == 8 and len(second) == 2  # what was done is not asked for again


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_contrast_and_narrow_pages(lab, udl, light):
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-02T06")
    )
    lp = lab(launcher_cell(udl, f"contrast-{light}", last="2025-01-03", initial_rate=25.0))
    lp.theme(light)
    lp.run_cell(0)
    panel = lp.panel()
    log_in(panel)
    button(panel, "Show advanced settings").click()
    expect(panel.get_by_label("Days at most")).to_be_visible()  # what stands below has moved down
    button(panel, "Start").click()
    status(panel, "1 failed")
    button(panel, "Settings").click()
    lp.panel().get_by_label("Days at most").fill("no")
    button(panel, "Plan").click()
    expect(panel.locator(".rn-error").first).to_be_visible()
    bad = lp.page.evaluate(
        CONTRAST, [".rn-panel :is(div, td, th, summary, pre, button, label, input, select)", 4.5]
    )
    assert bad == []
    assert lp.page.evaluate(CONTRAST, [".rn-panel svg g[id*='text'] use", 4.5]) == []
    lp.page.set_viewport_size({"width": 620, "height": 1000})
    lp.page.wait_for_timeout(300)
    wide = lp.page.evaluate(
        "() => { const p = document.querySelector('.rn-panel'); return p.scrollWidth - p.clientWidth }"
    )
    assert wide <= 2  # nothing hangs over the edge
    assert lp.complaints() == []


def test_why_it_waits(lab, udl):
    """A 503 is asked again and counted; while nobody answers, the panel says why and when it tries again."""
    udl.inject(503, times=2, match=lambda request: request.params.get("maxResults") != "1")
    hold(udl, "2025-01-02T12", seconds=1)
    lp = lab(launcher_cell(udl, "waits", last="2025-01-03", initial_rate=25.0))
    lp.run_cell(0)
    panel = lp.panel()
    log_in(panel)
    button(panel, "Start").click()
    retried = panel.locator(".rn-tiles div", has_text="Retried")
    expect(retried.locator("b")).to_have_text("2")
    expect(retried.locator("i")).to_have_text("last: 503 service unavailable")
    status(panel, "Downloading 2025-01-02")
    udl.stop()
    try:
        waiting = panel.locator(".rn-quiet")
        expect(waiting).to_contain_text("connection refused by the host, try")
        expect(waiting).to_contain_text(re.compile("of 6 in [0-9]+ s. It goes on by itself."))
    finally:
        udl.start()
    status(panel, "✔ 3 days planned: 3 downloaded")
    expect(waiting).to_have_count(0)
    expect(panel.locator(".rn-tiles div", has_text="Requests").locator("i")).to_contain_text("mean")
    assert lp.complaints() == []


def test_years_of_failures_stay_small(lab, udl):
    """2,557 days, of which each fails for a reason of its own: what is sent is bounded, and Stop is there."""
    cell = launcher_cell(udl, "years", first="2018-01-01", last="2024-12-31")
    cell = cell.replace(
        "launcher = ",
        "def fails(*, start_time, **_):\n    raise OSError(f'{start_time} ' + 'x' * 400)\n\nlauncher = ",
    )
    lp = lab(cell.replace(f"base_url='{udl.base_url}'", "download_fn=fails"))
    lp.run_cell(0)
    panel, before = lp.panel(), lp.received
    button(panel, "Start").click()
    expect(button(panel, "Stop")).to_be_visible(timeout=5_000)
    expect(panel.get_by_text(re.compile("^and .* days more$"))).to_be_visible()
    lp.page.wait_for_timeout(5_000)
    button(panel, "Stop").click()
    status(panel, "Stopped:", 5)
    print(lp.received - before)
    assert lp.received - before < 4e6
    assert len(panel.inner_html()) < 700_000
    lp.save()
    assert lp.path.stat().st_size < 500_000
    assert lp.complaints() == []


def hangs_over(lp):
    """By how many pixels a panel, or a table in it, is wider than its place."""
    return lp.panel().evaluate("""(panel) => Math.max(...[panel, ...panel.querySelectorAll(".rn-scroll, .rn-columns, .rn-right")]
        .filter((e) => e.clientWidth).map((e) => e.scrollWidth - e.clientWidth))""")


def test_a_run_fits_the_page(lab, udl):
    """A normal run needs no scrolling at 1,280 pixels and more; nothing is cut, at 150 % and at 700 pixels neither."""
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-02T06")
    )
    hold(udl, "2025-02-20T12")
    lp = lab(launcher_cell(udl, "fits", first="2024-12-30", last="2025-02-26", initial_rate=25.0))
    lp.run_cell(0)
    panel = lp.panel()
    log_in(panel)
    button(panel, "Start").click()
    status(panel, "Downloading 2025-02-20", 90)
    expect(panel.locator("svg[aria-label^='Request rate']")).to_be_visible()
    for width in (1900, 1280, 920, 1280 / 1.5, 700):
        lp.page.set_viewport_size({"width": int(width), "height": 1000})
        lp.page.wait_for_timeout(200)
        assert hangs_over(lp) <= 2, width
        most = {1900: 500, 1280: 700}  # three columns, two
        assert panel.bounding_box()["height"] <= most.get(width, 9_999), width
        press, line = (
            button(panel, "Stop").bounding_box(),
            panel.locator(".rn-status").bounding_box(),
        )
        assert press["y"] < line["y"] + line["height"] / 2 < press["y"] + press["height"]
    lp.page.set_viewport_size({"width": 920, "height": 1000})
    panel.get_by_role("slider").first.focus()
    lp.page.keyboard.press("Home")
    for _ in range(3):
        lp.page.keyboard.press(
            "ArrowDown"
        )  # a day is seven further down in a sheet, one to the side
    attempts = panel.get_by_role("region", name="Attempts")
    expect(attempts).to_contain_text("RequestRejectedError")
    assert hangs_over(lp) <= 2  # the table of attempts is not cut
    button(panel, "Stop").click()
    status(panel, "Stopped:")
    assert lp.complaints() == []


def test_several_sensors_in_one_run(lab, udl):
    udl.inject(
        400,
        times=None,
        match=lambda r: (
            r.params.get("idSensor") == "REACH-135" and "T06" in r.params["obTime"][:13]
        ),
    )
    cell = launcher_cell(udl, "sensors", last="2025-01-02", initial_rate=25.0)
    lp = lab(cell.replace("'REACH-135'", "['REACH-101', 'REACH-135']"))
    lp.run_cell(0)
    panel = lp.panel()
    expect(panel.get_by_label("Sensor", exact=True)).to_have_value("REACH-101, REACH-135")
    expect(panel.get_by_text("4 days to download: 20 requests")).to_be_visible()
    log_in(panel)
    button(panel, "Start").click()
    status(panel, "✔ 4 days planned: 2 downloaded, 0 there already, 0 without data, 2 failed")
    expect(panel.locator(".rn-head")).to_contain_text("REACH-101, REACH-135 · QUICKLOOK")
    expect(button(panel, "Retry 2 failed days")).to_be_visible()
    expect(panel.get_by_role("region", name="Days that need a look")).to_contain_text(
        "REACH-135: failed"
    )
    expect(panel.get_by_text("failed (2)")).to_be_visible()  # the last sensor's days are shown
    panel.get_by_label("Days of", exact=True).select_option("REACH-101")
    expect(panel.get_by_text("downloaded (2)")).to_be_visible()
    panel.get_by_role("slider").first.focus()
    lp.page.keyboard.press("Home")
    expect(panel.get_by_text("Artifact: ")).to_contain_text("REACH-101")
    panel.get_by_label("Days of", exact=True).select_option("REACH-135")
    expect(panel.get_by_role("region", name="Attempts")).to_contain_text("RequestRejectedError")
    assert lp.complaints() == []
