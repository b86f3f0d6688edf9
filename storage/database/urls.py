"""From what a user types to a URL of SQLAlchemy that can hold a study."""

from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlencode

from psycopg.pq import Conninfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import NetworkFileSystem, UrlRefused

# SQLite's are those of Python's driver that change neither transactions nor threads.
SQLITE_OPTIONS: Mapping[str, tuple[type[int] | type[float], int, str]] = {
    "cached_statements": (int, 2**31 - 1, "a whole number, 0 or more"),
    "detect_types": (int, 3, "a whole number from 0 to 3"),
    "timeout": (float, 10**6, "seconds, from 0 to a million"),
}
"""By its name an option's type, its largest value, and what is right; the least value is 0."""
POSTGRESQL_OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
EXAMPLES = "such as sqlite:///study.db or postgresql://user@host/database"

# File locks over these are missing, advisory only between some hosts, or do not cover the shared
# memory of SQLite's write-ahead log.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "ncpfs"}
    | {"glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"}
    | {"fuse.ceph", "fuse.moosefs", "orangefs", "pvfs2", "ocfs2", "davfs", "fuse.davfs2"}
)


def parse_url(text: str) -> URL:
    """The database that text names; postgres:// and postgresql:// are reached through psycopg 3.

    Raises UrlRefused for a path, an unknown scheme, an option that the driver does not know or
    cannot use, or a database in memory.
    """
    if "://" not in text:
        # What holds an @ may hold a password.
        shown = "this" if "@" in text else repr(text)
        raise UrlRefused(f"{shown} is not a database URL; write one {EXAMPLES}")
    try:
        if not text.startswith("sqlite"):
            text.encode()
        url = make_url(text)
    except (ArgumentError, ValueError):
        # It may be of bytes that are no characters. It may hold a password, and is not repeated.
        raise UrlRefused(f"the database URL cannot be read; write one {EXAMPLES}") from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            path, _, options = text.partition("://")[2].partition("?")
            return _sqlite(url, path.removeprefix("/"), options)
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return _postgresql(url.set(drivername="postgresql+psycopg"))
        case other:
            raise UrlRefused(f"{other!r} databases are not supported; use a URL {EXAMPLES}")


def without_secrets(url: URL) -> str:
    """The URL as it may be shown: also the query may hold a password."""
    if url.get_backend_name() == "sqlite":
        options = urlencode(url.query, doseq=True)
        return f"{url.drivername}:///{url.database}{'?' if options else ''}{options}"
    secrets = {key: "***" for key in url.query if "password" in key}
    return url.update_query_dict(secrets).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    """Where SQLite's file lies; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def refuse_network_file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Raise NetworkFileSystem if path lies on one; where mounts cannot be read, trust the user."""
    try:
        table = mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    folder = path.resolve().parent
    types: dict[Path, str] = {}
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) > 2:
            # Later lines hide earlier mounts of the same place; blanks are written as \040.
            types[Path(fields[1].replace("\\040", " "))] = fields[2]
    kind = next((types[place] for place in (folder, *folder.parents) if place in types), "")
    if kind in NETWORK_FILE_SYSTEMS:
        raise NetworkFileSystem(
            f"{path} lies on a network file system ({kind}), where SQLite's locks cannot be "
            "trusted; use a local file, or PostgreSQL: postgresql://user@host/database"
        )


def _sqlite(url: URL, path: str, options: str) -> URL:
    """The URL of the file that is called as it is written: no %20 in it means a blank."""
    database = path if url.database else ""
    if database in {"", ":memory:"} or "mode=memory" in database:
        raise UrlRefused("a study must outlive its program; name a file: sqlite:///study.db")
    if database.startswith("file:"):
        raise UrlRefused("SQLite's own file: URLs are not supported; write sqlite:///study.db")
    if options and not url.query:
        # SQLAlchemy would drop it, and open the file that is called like the part before it.
        raise UrlRefused(
            f"a question mark begins the options of a URL, and {options!r} is none; rename the "
            "file or folder so that its name has no ?"
        )
    _refuse_unknown(url, SQLITE_OPTIONS, ", ".join(SQLITE_OPTIONS))
    _refuse_repeated(url)
    for name in url.query:
        _check_sqlite_option(name, str(url.query[name]))
    return url.set(database=database)


def _check_sqlite_option(name: str, value: str) -> None:
    kind, largest, right = SQLITE_OPTIONS[name]
    try:
        usable = 0 <= kind(value) <= largest
    except ValueError:
        usable = False
    if not usable:
        raise UrlRefused(f"the database URL has {name}={value[:40]!r}; give {right}")


def _postgresql(url: URL) -> URL:
    _refuse_unknown(url, POSTGRESQL_OPTIONS, "those of libpq")
    _refuse_repeated(url, but=("host", "port"))
    try:
        url.get_dialect()().create_connect_args(url)
    except ArgumentError:
        raise UrlRefused(
            "the options host and port of the database URL cannot be read; give a port, a whole "
            "number, for each host"
        ) from None
    return url


def _refuse_repeated(url: URL, but: Collection[str] = ()) -> None:
    repeated = [n for n, given in url.query.items() if not isinstance(given, str) and n not in but]
    if repeated:
        raise UrlRefused(f"the database URL has the option {repeated[0]!r} twice; give it once")


def _refuse_unknown(url: URL, known: Collection[str], shown: str) -> None:
    unknown = [name for name in url.query if name not in known]
    if unknown:
        # Its value may be a password.
        raise UrlRefused(
            f"the database URL has an option {unknown[0]!r} that {url.get_backend_name()} does "
            f"not know (known: {shown})"
        )
