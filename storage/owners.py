"""Who holds a lease: one process, named so that a person can find it."""

import os
import secrets
import socket
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a host; token tells it from an earlier process with the same number."""

    host: str
    pid: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def this_process(cls) -> "Owner":
        """The calling process, with a new token: two owners of one process are not equal."""
        return cls(socket.gethostname(), os.getpid())

    @classmethod
    def parse(cls, stored: str) -> "Owner":
        """The owner whose `stored` this is. Raises ValueError for a text that is no owner's."""
        host, pid, token = stored.rsplit("/", 2)
        return cls(host, int(pid), token)

    @property
    def stored(self) -> str:
        """The text that stands for this owner in the database."""
        return f"{self.host}/{self.pid}/{self.token}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"
