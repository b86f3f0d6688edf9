"""What the chaos tests share: the study as it is when nothing happens to it, and a cluster."""

from collections.abc import Iterator

import pytest

from tests.chaos.studies import Study, Tables
from tests.ray_cluster import Cluster, running_cluster


@pytest.fixture(scope="session")
def trials(request: pytest.FixtureRequest) -> int:
    """How many trials the study under kills has."""
    count: int = request.config.getoption("--chaos-trials")
    return count


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, trials: int) -> Tables:
    folder = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{folder / 'study.db'}"
    study = Study(folder, url, "--ray", "serial", "--trials", str(trials))
    study.finish()
    return study.tables()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A node of two CPUs that outlives the coordinators that use it; none of its processes may
    have more than 3.5 GB of addresses, of which a worker needs 2."""
    with running_cluster(cpus=2, under=("prlimit", "--as=3500000000")) as made:
        yield made
