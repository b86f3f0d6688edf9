"""Commands for whoever keeps studies running: serve, watch, doctor."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.application import (
    DEFAULT_STORAGE,
    LogFormatOption,
    LogLevelOption,
    NameArgument,
    StorageOption,
    app,
    cluster_option,
    say,
    use_logs,
)
from study.cli.ending import say_how_it_ended
from study.errors import ExitCode, InvalidInput
from study.monitoring.terminal import print_table

if TYPE_CHECKING:
    from storage.database.engine import Database
    from study.monitoring.metrics import Metrics


@app.command()
def serve(
    storage: StorageOption = DEFAULT_STORAGE,
    cluster: Annotated[
        str | None,
        cluster_option(
            "A running Ray cluster, or 'serial' to train each study in its own process. "
            "Default: one cluster of this machine's cores, which all studies share."
        ),
    ] = None,
    max_studies: Annotated[
        int, typer.Option(metavar="N", help="How many studies to run at the same time.", min=1)
    ] = 4,
    data_root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Queued studies may read files below this folder. Repeatable; also "
            "STUDY_DATA_ROOTS. Default: built-in data only.",
        ),
    ] = None,
    allow_openml: Annotated[
        bool, typer.Option("--allow-openml", help="Queued studies may fetch data from OpenML.")
    ] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            envvar="STUDY_METRICS",
            metavar="[HOST:]PORT",
            help="Answer Prometheus at http://HOST:PORT/metrics, to whoever reaches it. "
            "HOST: 127.0.0.1 unless given. Default: no metrics.",
        ),
    ] = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Run the studies in the queue of a database, until Ctrl-C or SIGTERM.

    Several of these may serve one database, on any hosts: they stand by for each other.
    """
    from storage.database.opening import open_database
    from study.launching.pools import shared_cluster, training_at
    from study.service.data_roots import VARIABLE, DataRules, roots_in
    from study.service.instructions import ServiceOptions
    from study.service.reporter import ServiceReport
    from study.service.server import Service

    if log_format is not None:
        use_logs(log_format, log_level)
    roots = tuple(data_root or roots_in(os.environ.get(VARIABLE)))
    for root in roots:
        if not os.path.isdir(root):  # noqa: PTH112  Path's raises for a name that is too long
            raise InvalidInput(f"--data-root: {root} is no folder")
    rules = DataRules(tuple(root.resolve() for root in roots), allow_openml)
    with (
        _metrics_at(metrics) as counting,
        open_database(storage) as database,
        shared_cluster(cluster) as address,
    ):
        if counting is not None:
            _count_in(database, counting)
        report = ServiceReport(say, logs=log_format is not None, metrics=counting)
        options = ServiceOptions(
            storage=storage, cluster=address, data=rules, log_format=log_format, log_level=log_level
        )
        say(f"serving {database.url}, up to {max_studies} studies at once, {training_at(address)}")
        Service(database, options, max_studies=max_studies, report=report).run()
    say("left; studies that were running are in the queue again")


@contextmanager
def _metrics_at(address: str | None) -> Iterator["Metrics | None"]:
    """What is counted, to be scraped at the address within the block; None: nobody asked."""
    if address is None:
        yield None
        return
    from study.monitoring.metrics import Metrics, metrics_address, serving_metrics

    metrics = Metrics()
    host, port = metrics_address(address)
    with serving_metrics(metrics, host, port) as listening:
        say(f"metrics are at http://{f'[{host}]' if ':' in host else host}:{listening}/metrics")
        yield metrics


def _count_in(database: "Database", metrics: "Metrics") -> None:
    """Count what the database holds, at every scrape, and the service's own transactions."""
    from storage.reading.counts import read_counts
    from study.launching.run import record_transactions
    from study.monitoring.stored_counts import StoredCounts

    metrics.registry.register(StoredCounts(lambda: read_counts(database)))
    record_transactions(database, partial(metrics.count_event, ""))


@app.command()
def watch(name: NameArgument, storage: StorageOption = DEFAULT_STORAGE) -> None:
    """Watch a study that runs elsewhere until it ends; Ctrl-C leaves it alone."""
    from study.monitoring.console import progress_for_people
    from study.service.watch import watch as watch_study

    with progress_for_people() as progress:
        spec, outcome, detached = watch_study(name, storage, progress)
    say_how_it_ended(spec, outcome, detached=detached)


@app.command()
def doctor(
    storage: StorageOption = DEFAULT_STORAGE,
    cluster: Annotated[
        str | None,
        cluster_option(
            "A running Ray cluster, or 'serial' to leave clusters out. "
            "Default: a cluster of this machine's cores, started for the check."
        ),
    ] = None,
    style: Annotated[
        str, typer.Option("--format", metavar="table|json", help="How to write the checks.")
    ] = "table",
) -> None:
    """Check the database, the cluster and this machine, and say what to do about what is wrong.

    Nothing is written. Exit code 1 if a check failed; warnings do not count.
    """
    from study.doctor.examination import examine
    from study.doctor.presentation import as_json, as_table, is_healthy

    if style not in ("table", "json"):
        raise InvalidInput(f"--format: found {style!r}; give one of table, json")
    checks = examine(storage, cluster)
    if style == "json":
        sys.stdout.write(as_json(checks))
    else:
        print_table(as_table(checks))
    if not is_healthy(checks):
        raise typer.Exit(ExitCode.FAILED)
