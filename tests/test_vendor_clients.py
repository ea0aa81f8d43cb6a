"""The vendor's own clients against the embedded service: what they ask, it answers as the real one would.

They are skipped where they cannot be had: `pip install udl-sdk`, and npm with `unified-data-library`.
"""

import json
import shutil
import subprocess

import pytest

from reach_nb import SimulatedUDL

SENSOR = "REACH-135"
MINUTE = "2025-01-01T00:00:00.000Z..2025-01-01T00:00:59.999Z"
ASKED = {
    "idSensor": SENSOR,
    "source": "Aerospace",
    "dataMode": "REAL",
    "descriptor": "QUICKLOOK",
    "sort": "obTime",
}


@pytest.fixture(scope="module")
def service():
    with SimulatedUDL(seed=5, outage_rate=0.0, late=0.0) as udl:
        yield udl


@pytest.fixture(scope="module")
def truth(service):
    return service.expected_records(SENSOR, "2025-01-01T00:00", "2025-01-01T00:01")


def test_the_python_client(service, truth):
    sdk = pytest.importorskip("unifieddatalibrary", reason="udl-sdk is not installed")
    with sdk.Unifieddatalibrary(
        base_url=service.base_url,
        username=service.settings.username,
        password=service.settings.password,
    ) as client:
        observations = client.space_env_observation
        asked = {"ob_time": MINUTE, "extra_query": ASKED}
        ids = [record["id"] for record in truth]
        assert [r.id for r in observations.list(**asked).items] == ids
        # page after page, as its iterator asks for them
        paged = observations.list(**asked, max_results=5)
        assert sorted(r.id for r in paged) == sorted(ids)
        assert int(observations.count(**asked)) == len(truth)
        assert int(observations.history.count(**asked)) == len(truth)
        assert sorted(r.id for r in observations.history.list(**asked)) == sorted(ids)
        some = observations.history.list(**asked, columns="id,obTime").items
        assert [r.id for r in some] == ids
        assert some[0].sen_pos is None  # a column that was not asked for
        short = observations.tuple(columns="id,obTime", **asked)
        assert [r.id for r in short] == ids
        assert observations.queryhelp().parameters


def test_the_python_client_is_told_of_a_wrong_password(service):
    sdk = pytest.importorskip("unifieddatalibrary", reason="udl-sdk is not installed")
    with sdk.Unifieddatalibrary(
        base_url=service.base_url, username="nobody", password="wrong", max_retries=0
    ) as client:
        with pytest.raises(sdk.AuthenticationError):
            client.space_env_observation.list(ob_time=MINUTE)


SCRIPT = """
import Client from 'unified-data-library';
const [baseURL, username, password, asked, obTime] = process.argv.slice(2);
const query = JSON.parse(asked);
const client = new Client({ baseURL, username, password, accessToken: null, maxRetries: 0 });
const observations = client.spaceEnvObservation;
const found = { list: [], paged: [], history: [] };
for (const r of (await observations.list({ obTime }, { query: { obTime, ...query } })).items)
  found.list.push(r.id);
let first = 0;
for (;;) {
  const page = await observations.list({ obTime }, { query: { obTime, ...query, maxResults: 5, firstResult: first } });
  if (!page.items.length) break;
  for (const r of page.items) found.paged.push(r.id);
  first += page.items.length;
}
for (const r of (await observations.history.list({ obTime }, { query: { obTime, ...query } })).items)
  found.history.push(r.id);
found.count = await observations.count({ obTime }, { query: { obTime, ...query } });
found.tuple = (await observations.tuple({ obTime, columns: 'id,obTime' },
  { query: { obTime, columns: 'id,obTime', ...query } })).map(r => r.id);
found.queryhelp = (await observations.queryhelp()).parameters.length;
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory):
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node and npm are not here")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    command = [npm, "install", "--no-audit", "--no-fund", "unified-data-library"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"npm could not install it: {done.stderr.strip()[-200:]}")
    (folder / "ask.js").write_text(SCRIPT)
    return folder


def test_the_node_client(service, truth, node_folder):
    login = [service.base_url, service.settings.username, service.settings.password]
    done = subprocess.run(
        ["node", "ask.js", *login, json.dumps(ASKED), MINUTE],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ids = [record["id"] for record in truth]
    assert found["list"] == found["tuple"] == ids
    assert sorted(found["paged"]) == sorted(found["history"]) == sorted(ids)
    assert int(found["count"]) == len(truth)
    assert found["queryhelp"] > 0
