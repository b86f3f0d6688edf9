"""`study doctor` on real databases and real clusters, well and ill."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest

from storage.database.opening import open_database
from tests.acceptance.conftest import CommandLine, Ran
from tests.integration.storage.studies import make_run


def checks_of(ran: Ran) -> dict[tuple[str, str], dict[str, str]]:
    """The checks by group and name."""
    return {(c["group"], c["name"]): c for c in json.loads(ran.out)["checks"]}


@pytest.fixture
def doctor(study: CommandLine) -> Callable[..., Ran]:
    """The doctor without Ray, as JSON."""
    return lambda url, *rest: study.run(
        *("doctor", "--storage", url, "--ray", "serial", "--format", "json"), *rest
    )


def outcome(ran: Ran, group: str, name: str) -> str:
    return checks_of(ran)[group, name]["outcome"]


def test_a_database_with_studies_is_well(doctor, database_url):
    with open_database(database_url) as database:
        make_run(database)
    ran = doctor(database_url)
    assert ran.code == 0
    assert json.loads(ran.out)["healthy"]
    assert ", 1 study" in checks_of(ran)["database", "latency"]["found"]
    assert outcome(ran, "clock", "database") == "ok"


def test_a_file_is_the_same_after_the_look(doctor, sqlite_url, tmp_path):
    with open_database(sqlite_url) as database:
        make_run(database)
    before = hashlib.sha256((tmp_path / "study.db").read_bytes()).hexdigest()
    assert doctor(sqlite_url).code == 0
    assert hashlib.sha256((tmp_path / "study.db").read_bytes()).hexdigest() == before


def test_a_database_that_is_not_there_yet_is_well_and_is_not_made(doctor, sqlite_url, tmp_path):
    assert doctor(sqlite_url).code == 0
    assert not (tmp_path / "study.db").exists()


def test_an_empty_file_is_well_and_stays_empty(doctor, sqlite_url, tmp_path):
    (tmp_path / "study.db").touch()
    ran = doctor(sqlite_url)
    assert ran.code == 0
    assert outcome(ran, "database", "writable") == "ok"
    assert (tmp_path / "study.db").read_bytes() == b""


def test_an_empty_server_is_well_and_stays_empty(doctor, postgres_url):
    ran = doctor(postgres_url)
    assert ran.code == 0
    assert outcome(ran, "database", "writable") == "ok"
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_a_standby_cannot_be_written(doctor, postgres_url):
    with open_database(postgres_url):
        pass
    # What a standby is to a client: every transaction is read-only.
    _alter(postgres_url, "SET default_transaction_read_only = on")
    ran = doctor(postgres_url)
    assert ran.code == 1
    check = checks_of(ran)["database", "writable"]
    assert check["outcome"] == "failed"
    assert "read-only transaction" in check["found"]
    assert "primary" in check["remedy"]


def test_tables_of_a_later_version_have_failed(doctor, database_url):
    with open_database(database_url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE study_alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'v3.0.0.a'")
    ran = doctor(database_url)
    assert ran.code == 1
    assert outcome(ran, "database", "our tables") == "failed"
    optuna = checks_of(ran)["database", "Optuna's tables"]
    assert optuna["outcome"] == "failed"
    assert optuna["remedy"].endswith("optuna storage upgrade --storage URL")


def test_a_server_that_does_not_answer_has_failed_without_its_password(doctor):
    ran = doctor("postgresql://me:secret@127.0.0.1:1/db")
    assert ran.code == 1
    assert outcome(ran, "database", "reachable") == "failed"
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--storage", "study.db"), "--storage: 'study.db' is not a database URL"),
        (("--format", "xml"), "--format: found 'xml'; give one of table, json"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, line):
    assert line in refused("doctor", *arguments)


def test_a_cluster_that_is_not_there_has_failed(study):
    ran = study.run("doctor", "--ray", "127.0.0.1:1", "--format", "json")
    assert ran.code == 1
    assert "Connection refused" in checks_of(ran)["Ray", "reachable"]["found"]


def test_the_table_says_what_to_do(study):
    ran = study.run("doctor", "--ray", "127.0.0.1:1")
    assert ran.code == 1
    assert "→ start one by `ray start --head`" in ran.out


# Two nodes on this machine, the second with a lesser CPU by its environment.
CLUSTER = """
import os, sys
from ray.cluster_utils import Cluster
os.environ["RAY_AUTH_MODE"] = "disabled"
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1, env_vars={"ATEN_CPU_CAPABILITY": "default"})
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def uneven_cluster() -> Iterator[str]:
    """The address of a cluster whose nodes differ."""
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.communicate(timeout=60)


def test_every_node_of_a_cluster_is_asked(study, uneven_cluster, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ran = study.run("doctor", "--ray", uneven_cluster, "--format", "json")
    assert ran.code == 0, ran.err
    checks = checks_of(ran)
    assert checks["Ray", "reachable"]["found"] == f"{uneven_cluster} answers: 2 nodes"
    assert checks["Ray", "token"]["outcome"] == "warning"
    assert checks["versions", "arithmetic"]["outcome"] == "warning"
    assert checks["versions", "torch"]["outcome"] == "ok"


def test_a_cluster_of_this_machine_is_tried_where_none_is_named(study):
    ran = study.run("doctor", "--format", "json")
    assert ran.code == 0, ran.err
    checks = checks_of(ran)
    assert "a cluster of this machine starts" in checks["Ray", "reachable"]["found"]
    assert any(group == "clock" and name.startswith("node ") for group, name in checks)


def _alter(url: str, what: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} {what}")
