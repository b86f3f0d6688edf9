"""As many processors are used as the control groups of the process leave it."""

import os

import pytest

from workers.pools.worker_processes import usable_cpus


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.fixture
def system(tmp_path):
    """Makes a folder with the files of proc and sys that are given, by their paths."""

    def make(membership, files):
        for path, text in {"proc/self/cgroup": membership, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text + "\n")
        return tmp_path

    return make


ROOT = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("membership", "files", "processors"),
    [
        ("0::/", {}, 8),
        ("0::/", {f"{ROOT}/cpu.max": "max 100000"}, 8),
        ("0::/", {f"{ROOT}/cpu.max": "350000 100000"}, 3),
        ("0::/", {f"{ROOT}/cpu.max": "20000 100000"}, 1),
        ("0::/a/b", {f"{ROOT}/a/cpu.max": "max 100000", f"{ROOT}/a/b/cpu.max": "2000 1000"}, 2),
        ("0::/a/b", {f"{ROOT}/a/cpu.max": "2000 1000", f"{ROOT}/a/b/cpu.max": "4000 1000"}, 2),
        # A container that is shown the path of its group on the host, and its group as the root.
        ("0::/docker/c1", {f"{ROOT}/cpu.max": "5000 1000"}, 5),
        ("0::/../c1", {f"{ROOT}/cpu.max": "5000 1000"}, 5),
        # Version 2 beside version 1, which has the processors.
        (
            "4:memory:/m\n3:cpu,cpuacct:/job\n0::/job",
            {
                f"{ROOT}/cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
                f"{ROOT}/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            },
            2,
        ),
        (
            "3:cpu:/job",
            {
                f"{ROOT}/cpu/cpu.cfs_quota_us": "-1",
                f"{ROOT}/cpu/cpu.cfs_period_us": "100000",
                f"{ROOT}/cpu/job/cpu.cfs_quota_us": "600000",
                f"{ROOT}/cpu/job/cpu.cfs_period_us": "100000",
            },
            6,
        ),
        ("3:cpuset:/job", {f"{ROOT}/cpu/job/cpu.cfs_quota_us": "100000"}, 8),
    ],
)
def test_the_tightest_limit_of_a_group_and_of_those_around_it_counts(
    system, membership, files, processors
):
    assert usable_cpus(system(membership, files)) == processors


def test_where_there_are_no_control_groups_and_no_affinity_all_processors_are_used(
    tmp_path, monkeypatch
):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cpus(tmp_path) == 5
