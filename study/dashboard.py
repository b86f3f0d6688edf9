"""The Optuna dashboard on a study's database."""

from rich.console import Console

from storage.engine import open_database
from storage.trials import TrialStorage
from study.errors import InvalidInput


def serve(storage: str, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        InvalidInput: the address cannot be listened on.
        StorageError: there is no such database.
    """
    import optuna
    from optuna_dashboard import run_server

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with open_database(storage, create=False) as database:
        Console(stderr=True).print(
            f"dashboard of {database.url} on http://{host}:{port}/ (Ctrl-C ends it)",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        try:
            run_server(TrialStorage(database), host=host, port=port)
        except OSError as error:
            where = f"--host {host} --port {port}"
            raise InvalidInput(f"{where}: cannot be listened on: {error.strerror}") from None
