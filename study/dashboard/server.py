"""`study dashboard`: binds the address, refuses it where a token is needed and missing, and
serves."""

import logging
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.database.engine import Database
from storage.database.opening import open_database
from study.dashboard.access import HOSTS_VARIABLE, Rules, allowed_hosts, is_loopback
from study.dashboard.credentials import TOKEN_VARIABLE, find_token, is_read_by_others
from study.dashboard.guard import LogLine
from study.errors import InvalidInput

THREADS = 8
MOST_BYTES = 1 << 20
"""The largest body of a request: a note is the largest that anybody sends."""


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """What `study dashboard` was asked for. environment holds the settings that are no options."""

    storage: str
    host: str
    port: int
    token_file: Path | None
    allow_edit: bool
    environment: Mapping[str, str]


def serve(options: DashboardOptions, say: Callable[[str], None], log_line: LogLine) -> None:
    """Serve until SIGTERM or Ctrl-C, then leave within seconds.

    say takes what whoever started it should know, log_line a line for every request: see Guard.

    Raises:
        InvalidInput: the address cannot be listened on, or the token is missing or none.
        StorageError: there is no such database.
    """
    token = find_token(options.token_file, options.environment)
    with listening(options.host, options.port) as listener:
        address = str(listener.getsockname()[0])
        if token is None and not is_loopback(address):
            raise InvalidInput(
                f"--host {options.host}: others reach this address, so a token is needed; give "
                f"--token-file FILE or {TOKEN_VARIABLE}"
            )
        listed = options.environment.get(HOSTS_VARIABLE)
        rules = Rules(allowed_hosts(options.host, listed), options.allow_edit)
        with open_database(options.storage, create=False) as database:
            say(_announced(options, database, listener, token))
            if options.token_file is not None and is_read_by_others(options.token_file):
                say(f"other users can read the token: chmod 600 {options.token_file}")
            _run(database, options.storage, rules, token, listener, log_line)


def listening(host: str, port: int) -> socket.socket:
    """A bound socket: who reaches it is known by then, and nobody can take it away.

    Raises:
        InvalidInput: there is no such address here, or it is taken.
    """
    where = f"--host {host} --port {port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # `localhost` is both; what is on 127.0.0.1 is reached by either name.
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "is no name"
        raise InvalidInput(f"{where}: cannot be listened on: {reason}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise InvalidInput(f"{where}: cannot be listened on: {error.strerror}") from None
    return listener


def _announced(
    options: DashboardOptions, database: Database, listener: socket.socket, token: str | None
) -> str:
    host = f"[{options.host}]" if ":" in options.host else options.host
    port = listener.getsockname()[1]
    how = "studies can be changed" if options.allow_edit else "read-only"
    asks = "without a token" if token is None else "with a token"
    return f"dashboard of {database.url} on http://{host}:{port}/ ({how}, {asks}; Ctrl-C ends it)"


def _run(
    database: Database,
    storage: str,
    rules: Rules,
    token: str | None,
    listener: socket.socket,
    log_line: LogLine,
) -> None:
    import optuna
    from waitress.server import create_server

    from study.dashboard.application import make_application

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("waitress").setLevel(logging.ERROR)
    application = make_application(database, storage, rules, token, log_line)
    server = create_server(
        application,
        sockets=[listener],
        threads=THREADS,
        ident=None,
        max_request_body_size=MOST_BYTES,
        max_request_header_size=64 << 10,
        channel_timeout=60,
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
    )
    # Whoever else handled it, such as a shell that started this in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run()  # until KeyboardInterrupt
    finally:
        server.close()
