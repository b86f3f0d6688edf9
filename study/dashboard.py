"""The Optuna dashboard on a study's database."""

from rich.console import Console

from storage.engine import open_database
from storage.urls import without_password
from study.errors import InvalidInput


def serve(storage: str, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        InvalidInput: the address cannot be listened on.
        StorageError: there is no such database.
    """
    import optuna
    from optuna_dashboard import run_server

    with open_database(storage, create=False) as database:
        url = database.sqlalchemy_url
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console(stderr=True)
    console.print(
        f"dashboard of {without_password(storage)} on http://{host}:{port}/ (Ctrl-C ends it)",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    try:
        run_server(optuna.storages.RDBStorage(url), host=host, port=port)
    except OSError as error:
        raise InvalidInput(f"--host {host} --port {port}: {error.strerror}") from None
