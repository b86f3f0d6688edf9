"""A coordinator that died between its last trial and the word that the study is finished."""

import subprocess
import sys

from storage.database.opening import open_database
from storage.owners import Owner
from storage.studies.leases import acquire_lease
from storage.studies.runs import read_run
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from study.launching.launch import launch
from tests.service_processes import spec_of


def test_the_next_launch_says_so_for_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    spec = spec_of("small", trials=2)
    assert launch(spec, storage=url, ray="serial").complete == 2
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        dead = Owner.of_process(process.pid)
    with open_database(url) as database:
        lease = acquire_lease(database, "small", dead, 60.0)
        set_status(database, lease, RunStatus.RUNNING)
        again = launch(spec, storage=url, ray="serial")
        assert (again.ending, again.complete) == (None, 2)
        run = read_run(database, "small")
        assert (run.status, run.owner) == (RunStatus.FINISHED, None)
        assert run.finished_at is not None
