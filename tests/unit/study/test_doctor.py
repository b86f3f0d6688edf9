"""What the doctor concludes from what was found."""

from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseNotWritable,
    DatabaseUnreachable,
    NetworkFileSystem,
)
from storage.reading.inspection import DatabaseFacts
from storage.tables.versions import HEAD
from study.doctor.check import Check, Outcome, size
from study.doctor.clocks import judge_database_clock, judge_node_clocks
from study.doctor.clusters import judge_cluster, judge_unreachable
from study.doctor.databases import judge_database, judge_unreadable
from study.doctor.disks import judge_disks
from study.doctor.gpus import judge_gpus
from study.doctor.versions import judge_versions
from workers.pools.kinds import DEFAULT_CLUSTER as RAY
from workers.pools.node_facts import ClusterFacts, Disk, Gpu, NodeAnswer, NodeFacts
from workers.pools.pool import ClusterUnreachable
from workers.pools.ray_node import remedy_for

GIB = 1 << 30
NODE = NodeFacts(
    host="one",
    python="3.12.1",
    versions={"overfit-study": "1.0", "torch": "2.13.0+cpu", "ray": "2.60.0"},
    cpus=4,
    capability="AVX2",
    cuda=None,
    devices=0,
    gpus=(),
    temporary=Disk("/tmp/ray", 50 * GIB, 100 * GIB),
    shared_memory=Disk("/dev/shm", 8 * GIB, 8 * GIB),
    token=True,
)
DATABASE = DatabaseFacts(
    url="postgresql+psycopg://me:***@host/db",
    dialect="postgresql",
    file=None,
    exists=True,
    version="18.0",
    latency_seconds=0.001,
    has_optuna=True,
    schema_version=HEAD,
)


def answers(*facts: NodeFacts) -> tuple[NodeAnswer, ...]:
    return tuple(NodeAnswer(f"10.0.0.{n}", node) for n, node in enumerate(facts, 1))


def cluster(*nodes: NodeAnswer, cpus: float = 4, memory: float = 16 * GIB) -> ClusterFacts:
    return ClusterFacts(nodes, cpus, 0.0, memory, 4 * GIB)


def named(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def outcomes(checks: list[Check]) -> set[Outcome]:
    return {check.outcome for check in checks}


def test_whatever_is_not_ok_has_a_remedy_in_one_line():
    bad = replace(
        NODE, python="3.11", devices=1, token=False, temporary=Disk("/tmp/ray", 1, 100 * GIB)
    )
    checks = [
        *judge_database(replace(DATABASE, schema_version="9999", write_problem="no right")),
        *judge_cluster(RAY, cluster(*answers(bad), cpus=0), "head:6379"),
        *judge_versions(NODE, answers(bad)),
        *judge_disks(RAY, None, NODE, answers(bad)),
        *judge_gpus(NODE, answers(bad)),
    ]
    troubled = [check for check in checks if check.outcome is not Outcome.OK]
    assert len(troubled) >= 7
    assert all(check.remedy and "\n" not in check.remedy for check in troubled)
    assert not any(check.remedy for check in checks if check.outcome is Outcome.OK)


# ── Database ─────────────────────────────────────────────────────────────────────────────────────


def test_a_database_as_it_should_be_is_ok():
    assert outcomes(judge_database(DATABASE)) == {Outcome.OK}


def test_a_database_that_does_not_answer_has_failed_with_its_reason():
    check = judge_unreadable(DatabaseUnreachable("database x cannot be reached: refused"))
    assert check.outcome is Outcome.FAILED
    assert "refused" in check.found


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (DatabaseUnreachable("cannot be reached"), "check that the server runs"),
        (DatabaseBusy("is locked by others"), "end the program that holds it"),
        (DatabaseDamaged("is damaged or not a database"), "put a back-up in its place"),
        (DatabaseNotWritable("permission denied for table studies"), "make the user the owner"),
    ],
)
def test_each_reason_for_not_reading_a_database_has_its_own_remedy(error, remedy):
    check = judge_unreadable(error)
    assert check.outcome is Outcome.FAILED
    assert check.found == str(error)
    assert check.remedy.startswith(remedy)


def test_sqlite_on_a_network_file_system_has_failed_naming_postgresql():
    check = judge_unreadable(NetworkFileSystem("study.db lies on nfs4"))
    assert check.outcome is Outcome.FAILED
    assert "PostgreSQL" in check.remedy


def test_tables_newer_than_this_program_have_failed_and_older_ones_are_a_warning(monkeypatch):
    newer = named(judge_database(replace(DATABASE, schema_version="9999")), "our tables")
    assert (newer.outcome, newer.remedy) == (Outcome.FAILED, "pip install -U overfit-study")
    monkeypatch.setattr("study.doctor.databases.HEAD", "9999")
    older = named(judge_database(DATABASE), "our tables")
    assert older.outcome is Outcome.WARNING
    assert "back up" in older.remedy


def test_a_database_that_lacks_characters_is_a_warning():
    for encoding, outcome in (("UTF8", Outcome.OK), ("LATIN1", Outcome.WARNING)):
        check = named(judge_database(replace(DATABASE, encoding=encoding)), "encoding")
        assert (check.outcome, "UTF8" in check.found + check.remedy) == (outcome, True)


def test_a_slow_database_is_a_warning():
    slow = named(judge_database(replace(DATABASE, latency_seconds=0.2)), "latency")
    assert slow.outcome is Outcome.WARNING


def test_a_file_that_is_not_there_yet_is_ok_and_a_folder_that_is_not_has_failed(tmp_path):
    absent = replace(DATABASE, dialect="sqlite", exists=False)
    (check,) = judge_database(replace(absent, file=tmp_path / "study.db"))
    assert check.outcome is Outcome.OK
    (check,) = judge_database(replace(absent, file=tmp_path / "no" / "study.db"))
    assert (check.outcome, check.remedy) == (Outcome.FAILED, f"mkdir {tmp_path / 'no'}")


# ── Cluster ──────────────────────────────────────────────────────────────────────────────────────


def test_a_cluster_as_it_should_be_is_ok():
    assert outcomes(judge_cluster(RAY, cluster(*answers(NODE, NODE)), "head:6379")) == {Outcome.OK}


def test_a_node_that_does_not_answer_has_failed_with_its_error():
    silent = NodeAnswer("10.0.0.9", None, "ModuleNotFoundError: No module named 'workers'")
    check = named(judge_cluster(RAY, cluster(*answers(NODE), silent), "head:6379"), "nodes")
    assert check.outcome is Outcome.FAILED
    assert check.found == "10.0.0.9: ModuleNotFoundError: No module named 'workers'"


def test_a_node_without_token_is_a_warning_that_names_it():
    nodes = answers(NODE, replace(NODE, token=False))
    check = named(judge_cluster(RAY, cluster(*nodes), "head:6379"), "token")
    assert check.outcome is Outcome.WARNING
    assert "10.0.0.2" in check.found
    assert "10.0.0.1" not in check.found


def test_a_cluster_without_cpus_has_failed_and_one_short_of_memory_is_a_warning():
    assert named(judge_cluster(RAY, cluster(cpus=0), "a"), "CPUs").outcome is Outcome.FAILED
    checks = judge_cluster(RAY, cluster(*answers(NODE), cpus=64), "a")
    assert named(checks, "memory").outcome is Outcome.WARNING


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("Ray at a:1: [Errno 111] Connection refused", "ray start --head"),
        ("Ray at a:1: Version mismatch: The cluster was started with", "versions of Python"),
        ("Ray at a:1: AuthenticationError: InvalidAuthToken", "RAY_AUTH_MODE=token"),
        ("Ray at here: AF_UNIX path length cannot exceed 107 bytes", "with a short path"),
        ("Ray at here: [Errno 13] Permission denied: '/tmp/ray'", "that this user can write"),
        ("Ray at here: [Errno 28] No space left on device", "--shm-size"),
    ],
)
def test_why_a_cluster_cannot_be_joined_decides_the_remedy(reason, remedy):
    host, _, why = reason.partition(": ")
    error = ClusterUnreachable(reason, remedy=remedy_for(why))
    check = judge_unreachable(RAY, error)
    assert (check.group, check.found) == ("Ray", f"{host}: {why}")
    assert remedy in check.remedy


# ── Versions, disks, clocks, GPUs ────────────────────────────────────────────────────────────────


def test_another_version_on_a_node_has_failed_naming_the_node_and_what_to_install():
    other = replace(NODE, versions={**NODE.versions, "ray": "2.59.0"})
    check = named(judge_versions(NODE, answers(NODE, other)), "ray")
    assert check.outcome is Outcome.FAILED
    assert check.found == "2.60.0 here, but 2.59.0 on 10.0.0.2"
    assert check.remedy == "pip install ray==2.60.0 on every node"


def test_a_package_that_a_node_lacks_has_failed():
    other = replace(NODE, versions={**NODE.versions, "overfit-study": None})
    check = named(judge_versions(NODE, answers(other)), "overfit-study")
    assert "none on 10.0.0.1" in check.found
    assert check.outcome is Outcome.FAILED


def test_another_build_of_one_torch_release_is_a_warning():
    other = replace(NODE, versions={**NODE.versions, "torch": "2.13.0+cu130"})
    check = named(judge_versions(NODE, answers(other)), "torch")
    assert check.outcome is Outcome.WARNING


def test_nodes_of_different_cpus_are_a_warning():
    checks = judge_versions(NODE, answers(NODE, replace(NODE, capability="AVX512")))
    check = named(checks, "arithmetic")
    assert (check.outcome, check.found.startswith("AVX2, AVX512")) == (Outcome.WARNING, True)


@pytest.mark.parametrize(
    ("free", "outcome"),
    [(4 * GIB, Outcome.FAILED), (8 * GIB, Outcome.WARNING), (50 * GIB, Outcome.OK)],
)
def test_a_disk_is_judged_by_how_full_it_is(free, outcome):
    disk = Disk("/var", free, 100 * GIB)
    assert named(judge_disks(RAY, disk, NODE, ()), "database").outcome is outcome


def test_the_shared_memory_of_a_plain_container_is_a_warning():
    node = replace(NODE, shared_memory=Disk("/dev/shm", 64 << 20, 64 << 20))
    check = named(judge_disks(RAY, None, NODE, answers(node)), "Ray's objects on 10.0.0.1")
    assert check.outcome is Outcome.WARNING
    assert "--shm-size" in check.remedy


@pytest.mark.parametrize(
    ("ahead", "error", "outcome"),
    [
        (0.1, 0.01, Outcome.OK),
        (-5.0, 0.01, Outcome.WARNING),
        (5.0, 4.0, Outcome.OK),  # the answer took so long that it may be right
    ],
)
def test_a_clock_is_judged_by_what_is_certain(ahead, error, outcome):
    facts = replace(DATABASE, clock_ahead_seconds=ahead, clock_error_seconds=error)
    assert judge_database_clock(facts).outcome is outcome


def test_of_the_nodes_clocks_the_worst_is_shown():
    nodes = (
        NodeAnswer("10.0.0.1", NODE, clock_ahead_seconds=0.1),
        NodeAnswer("10.0.0.2", NODE, clock_ahead_seconds=-9.0),
    )
    (check,) = judge_node_clocks(nodes)
    assert check.outcome is Outcome.WARNING
    assert "10.0.0.2" in check.name


def test_no_gpu_is_ok():
    (check,) = judge_gpus(NODE, answers(NODE))
    assert (check.outcome, check.found) == (Outcome.OK, "none, CPU is used")


def test_a_gpu_is_judged_by_whether_torch_can_use_it():
    gpu = Gpu("NVIDIA H200", 140 * GIB)
    for_cuda = replace(NODE, devices=2, cuda="13.0")
    nodes = answers(replace(for_cuda, gpus=(gpu, gpu)), for_cuda, replace(NODE, devices=1), NODE)
    checks = judge_gpus(NODE, nodes)
    assert [check.outcome.value for check in checks] == ["ok", "warning", "warning"]
    assert "2 × NVIDIA H200, 140.0 GiB" in checks[0].found
    assert "without CUDA" in checks[2].found


def test_sizes_are_said_in_units_of_a_kilobyte_of_1024():
    assert [size(n) for n in (12, 3 << 20, 5 * GIB, 2048 * GIB)] == [
        "12 B",
        "3 MiB",
        "5.0 GiB",
        "2.0 TiB",
    ]


def test_the_file_of_a_database_lies_somewhere():
    checks = judge_database(replace(DATABASE, dialect="sqlite", file=Path("study.db")))
    assert named(checks, "file system").found == f"{Path.cwd()} is local"
