"""What a service tells the process of a study arrives there as it was."""

from datetime import UTC, datetime
from pathlib import Path

from storage.owners import Owner
from storage.studies.leases import Lease
from study.service.data_roots import DataRules
from study.service.instructions import Instructions, ServiceOptions

LEASE = Lease("häßlich\n", 7, Owner("host/with/slash", 12), 3, 30.0, datetime.now(UTC))
OPTIONS = ServiceOptions(
    storage="postgresql://me:se%20cret@host/db",
    cluster="serial",
    data=DataRules((Path("/data"), Path("/more data")), openml=True),
    log_format="json",
)


def test_instructions_survive_the_pipe_as_one_line():
    line = Instructions(LEASE, OPTIONS).line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert Instructions.parse(line) == Instructions(LEASE, OPTIONS)


def test_no_representation_shows_the_password():
    assert "cret" not in repr(Instructions(LEASE, OPTIONS))
