"""The workflows can't run here, so they are held against GitHub's schema and against what the project promises."""

import json
import re
import shutil
import subprocess
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses:\s*[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def load(path):
    text = path.read_text(encoding="utf-8")
    return yaml.safe_load(text) | {
        "on": yaml.safe_load(text.replace("\non:", '\n"on":', 1))["on"]
    }  # YAML reads `on` as true


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def by_name(name):
    return load(ROOT / ".github" / "workflows" / f"{name}.yml")


def settings():
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def test_what_is_promised_is_there():
    assert {path.stem for path in WORKFLOWS} == {"test", "docs", "release", "weekly"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_schema(path):
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("check_jsonschema")
    schema = json.loads(
        (files("check_jsonschema") / "builtin_schemas/vendor/github-workflows.json").read_text(
            encoding="utf-8"
        )
    )
    jsonschema.validators.validator_for(schema)(schema).validate(
        {k: v for k, v in load(path).items() if k is not True}
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_least_privilege(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"] and "cancel-in-progress" in workflow["concurrency"]
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        more = {key for key, value in job.get("permissions", {}).items() if value != "read"}
        assert more <= {"docs": {"pages", "id-token"}, "release": {"id-token"}}.get(
            path.stem, set()
        ), name
        assert not more or not any("run" in step for step in job["steps"]), (
            f"{name} runs code with rights to write"
        )
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert "pull_request_target" not in workflow["on"] and "secrets." not in path.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_by_commit(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines and [line for line in lines if not PINNED.match(line)] == []


def test_one_action_has_one_pin():
    pins = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(r"uses:\s*(\S+)@(.+)", path.read_text(encoding="utf-8")):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_scripts_parse_and_name_what_is_there(path):
    for step in steps(load(path)):
        script = step.get("run", "")
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"\$\{\{", script), (
            "an expression in a script can carry code in: hand it over in `env`"
        )
        for name in re.findall(r"(?:^|\s)((?:tools|tests|\.ci)/[\w./-]+)", script):
            assert (ROOT / name).exists(), name


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize("name", [".ci/run", "tools/docs.sh", "tools/check_sync.sh"])
def test_the_projects_own_scripts_parse(name):
    done = subprocess.run(["bash", "-n", ROOT / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_system_and_every_python():
    workflow = by_name("test")
    matrix = workflow["jobs"]["systems"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    listed = re.search(
        r"^PYTHONS = (\[.*\])$", (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE
    )[1]
    assert (
        matrix["python"] == json.loads(listed) and matrix["python"][0] == settings()["min_python"]
    )
    oldest = workflow["jobs"]["oldest"]["steps"]
    assert oldest[1]["with"]["python-version"] == settings()["min_python"]
    assert "--resolution lowest-direct" in oldest[2]["run"]
    assert "-c oldest.txt" in oldest[3]["run"]


def test_the_updates_of_actions_and_packages_are_asked_for():
    config = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert {entry["package-ecosystem"] for entry in config["updates"]} == {"github-actions", "pip"}


def test_a_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == settings()["version"]
    assert citation["license"] == "Apache-2.0" and citation["authors"]


def test_the_commands_are_those_of_the_readme():
    blocks = re.findall(
        r"^```sh\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    setup, tests = (block.strip().replace(".venv/bin/", "").split(" && ") for block in blocks[:2])
    run = [step["run"] for step in by_name("test")["jobs"]["systems"]["steps"] if "run" in step]
    assert setup[1] in run
    last = [step.removesuffix(" --cov") for step in run[-len(tests) :]]  # which counts lines, too
    assert last == tests


def test_the_site_is_deployed_from_main_only():
    jobs = by_name("docs")["jobs"]
    assert "refs/heads/main" in jobs["deploy"]["if"] and jobs["deploy"]["needs"] == "build"
    assert "pull_request" in by_name("docs")["on"]
