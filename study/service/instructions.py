"""What a service sends to the process of one of its studies: one line through a pipe.

The database's URL may hold a password: it must not be among a process's arguments, which every user
of the machine can read.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from storage.owners import Owner
from storage.studies.leases import Lease
from study.service.data_roots import DataRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What all studies of a service have in common.

    cluster is the address of a running cluster, or a keyword such as "serial". log_format None:
    lines for a person.
    """

    storage: str = field(repr=False)
    cluster: str
    data: DataRules = field(default_factory=DataRules)
    log_format: str | None = None
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Instructions:
    """Run the study of this lease, which is the reader's.

    events is an inherited descriptor to send events to; None: nobody reads them.
    """

    lease: Lease
    options: ServiceOptions
    events: int | None = None

    def line(self) -> bytes:
        """One line of JSON."""
        document = asdict(self)
        document["lease"]["owner"] = self.lease.owner.stored
        document["lease"]["taken_from"] = None
        document["lease"]["expires_at"] = self.lease.expires_at.isoformat()
        document["options"]["data"]["roots"] = [str(root) for root in self.options.data.roots]
        return json.dumps(document).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> "Instructions":
        """The instructions in such a line."""
        document = json.loads(line)
        lease, options = document["lease"], document["options"]
        lease["owner"] = Owner.parse(lease["owner"])
        lease["expires_at"] = datetime.fromisoformat(lease["expires_at"])
        rules = options.pop("data")
        data = DataRules(tuple(map(Path, rules["roots"])), rules["openml"])
        return cls(Lease(**lease), ServiceOptions(data=data, **options), document["events"])
