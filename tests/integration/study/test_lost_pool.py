"""A pool that is lost on the way: the study fails, says why, and goes on when launched again."""

import os
import signal

import psutil
import pytest

from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.studies.runs import StudyRun, read_run
from storage.tables.status import RunStatus
from study import InvalidInput, launch
from study.errors import ExitCode, StudyFailed
from study.monitoring import events
from study.monitoring.progress import NoProgress
from study.specification.files import read_specification
from study.specification.spec import StudySpec
from workers.pools import worker_processes
from workers.pools.pool import PoolUnavailable
from workers.pools.serial import SerialPool

TRIALS = 40


@pytest.fixture
def spec() -> StudySpec:
    changes = ["data.source=wine", "sampler=random", "search.width=16", f"budget.trials={TRIALS}"]
    return read_specification("digits", overrides=changes)


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


class Saboteur(NoProgress):
    """Kills the process that forks, and its workers, once a cohort came back; no other starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.killed: list[int] = []
        self._monkeypatch = monkeypatch

    def record_event(self, event: events.Event) -> None:
        if not isinstance(event, events.CohortReturned) or self.killed:
            return
        self._monkeypatch.setattr(worker_processes, "SERVER", "workers.no_such_module")
        for child in psutil.Process(os.getpid()).children():
            if "workers.pools.fork_server" in child.cmdline():
                for process in (*child.children(), child):
                    process.send_signal(signal.SIGKILL)
                    self.killed.append(process.pid)


def run_of(url: str, spec: StudySpec) -> StudyRun:
    with open_database(url, create=False) as database:
        return read_run(database, spec.name)


@pytest.mark.timeout(120)
def test_a_pool_that_is_lost_fails_the_study_which_goes_on_when_launched_again(
    spec, url, monkeypatch
):
    saboteur = Saboteur(monkeypatch)
    with pytest.raises(
        StudyFailed, match=r"worker processes do not start: .*no_such_module"
    ) as lost:
        launch(spec, storage=url, progress=saboteur)
    assert saboteur.killed
    assert lost.value.exit_code == ExitCode.FAILED
    assert "wait for the next launch" in str(lost.value)
    run = run_of(url, spec)
    assert run.status is RunStatus.FAILED
    assert "no_such_module" in str(run.error)
    assert run.owner is None
    left = load_results(spec.name, url)["state"]
    assert "COMPLETE" in set(left)  # what had come back
    assert not {"FAIL", "RUNNING"} & set(left)
    assert launch(spec, storage=url, cluster="serial").complete == TRIALS
    assert run_of(url, spec).status is RunStatus.FINISHED


def test_a_pool_that_does_not_open_is_an_input_to_be_changed_and_nothing_is_written(
    spec, url, tmp_path, monkeypatch
):
    # This program's own imports and the data take longer than that.
    real_check = worker_processes.ForkServer.check

    def check_when_it_has_ended(server: worker_processes.ForkServer) -> None:
        server._process.wait(30)
        real_check(server)

    monkeypatch.setattr(worker_processes, "SERVER", "workers.no_such_module")
    monkeypatch.setattr(worker_processes.ForkServer, "check", check_when_it_has_ended)
    with pytest.raises(InvalidInput, match=r"do not start: .*; --cluster serial trains without"):
        launch(spec, storage=url)
    assert not (tmp_path / "study.db").exists()


def test_a_cluster_that_does_not_answer_is_an_input_to_be_changed_and_nothing_is_written(
    spec, url, tmp_path
):
    with pytest.raises(InvalidInput, match=r"Ray at 127.0.0.1:1: .*; .*give --cluster ADDRESS"):
        launch(spec, storage=url, cluster="127.0.0.1:1")
    assert not (tmp_path / "study.db").exists()


def test_processes_do_not_take_gpus(spec, url):
    with_gpus = spec.model_copy(update={"resources": type(spec.resources)(gpus=1)})
    with pytest.raises(InvalidInput, match=r"resources\.gpus: found 1; processes of this machine"):
        launch(with_gpus, storage=url, cluster="processes")


def test_ray_is_another_name_of_cluster_and_both_are_one_too_many(spec, url):
    small = spec.model_copy(update={"budget": type(spec.budget)(trials=2)})
    assert launch(small, storage=url, ray="serial").complete == 2
    with pytest.raises(InvalidInput, match="cluster: found 'serial', and ray: 'local'; give one"):
        launch(small, storage=url, cluster="serial", ray="local")


def test_a_pool_that_is_lost_before_the_first_segment_fails_the_study_too(spec, url, monkeypatch):
    asked = 0
    slots = SerialPool.slots

    def lost_when_asked_again(pool: SerialPool) -> int:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise PoolUnavailable("nobody is there any more")
        return slots(pool)

    with monkeypatch.context() as patched:
        patched.setattr(SerialPool, "slots", lost_when_asked_again)
        with pytest.raises(StudyFailed, match="nobody is there any more"):
            launch(spec, storage=url, cluster="serial")
    assert run_of(url, spec).status is RunStatus.FAILED
    assert launch(spec, storage=url, cluster="serial").complete == TRIALS
