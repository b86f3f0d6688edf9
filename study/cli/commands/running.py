"""Commands that run a study, stop one, or train one of its trials again."""

from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.application import (
    DEFAULT_STORAGE,
    DropOption,
    LogFormatOption,
    LogLevelOption,
    NameArgument,
    StorageOption,
    app,
    cluster_option,
    listed,
    readable,
    say,
    use_logs,
)
from study.cli.ending import say_how_it_ended
from study.cli.trials import TrialArgument, trial_numbers
from study.errors import ExitCode
from study.launching.signals import exiting_in_time
from study.monitoring.suggestion import command
from study.monitoring.terminal import print_table

if TYPE_CHECKING:
    from study.monitoring.progress import Progress
    from study.specification.spec import StudySpec

# A finished study of so many trials gets its main pictures in the dashboard.
FEWEST_TRIALS_TO_DRAW = 10

TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", metavar="N", help="Total number of trials, over all launches.", min=1),
]
ClusterOption = Annotated[
    str | None,
    cluster_option(
        "A running Ray cluster, 'local' for one of this machine's cores, or 'serial' to train in "
        "this process. Default: 'processes' of this machine, one a core."
    ),
]
DetachOption = Annotated[
    bool,
    typer.Option("--detach", help="Put it in the queue and return: a service runs it."),
]


@app.command()
def launch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC.yaml|NAME]", help="A specification, or a built-in study by name."
        ),
    ] = "digits",
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Call the study this instead.", callback=readable),
    ] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    trials: TrialsOption = None,
    cluster: ClusterOption = None,
    detach: DetachOption = False,
    drop: DropOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field of the specification, such as search.depth=[1,2,3]. Repeatable.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed that all random numbers follow from.")
    ] = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Run a study, or go on with one, until its budget is reached.

    Ctrl-C stops it; launching it again goes on where it stopped.
    """
    from study.specification.files import read_specification

    changed = list(overrides or ())
    if trials is not None:
        changed.append(f"budget.trials={trials}")
    # A service looks for the files of a queued study below its own data roots.
    spec = read_specification(
        source,
        name=name,
        seed=seed,
        overrides=changed,
        drop=listed(drop),
        paths_as_written=detach,
    )
    if detach:
        from study.specification.data_files import with_sha256

        here = read_specification(source, name=name, seed=seed, overrides=changed)
        spec = spec.model_copy(update={"data": with_sha256(spec.data, here.data)})
    _run_or_queue(spec, storage, cluster, detach=detach, log_format=log_format, log_level=log_level)


def _logs_of(spec: "StudySpec") -> "Progress":
    from study.monitoring.logs import StudyLog

    return StudyLog(spec.name)


@app.command()
def resume(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    trials: TrialsOption = None,
    cluster: ClusterOption = None,
    detach: DetachOption = False,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Go on with a study by its name: the database has its specification."""
    from storage.database.opening import open_database
    from storage.studies.runs import read_run
    from study.specification.stored import stored_specification

    with open_database(storage, create=False) as database:
        document = read_run(database, name).specification
    spec = stored_specification(document, name)
    if trials is not None:
        budget = {**spec.budget.model_dump(), "trials": trials}
        spec = stored_specification({**document, "budget": budget}, name)
    _run_or_queue(spec, storage, cluster, detach=detach, log_format=log_format, log_level=log_level)


def _run_or_queue(
    spec: "StudySpec",
    storage: str,
    cluster: str | None,
    *,
    detach: bool,
    log_format: str | None,
    log_level: str,
) -> None:
    if log_format is not None:
        use_logs(log_format, log_level, spec.name)
    if detach:
        _queue(spec, storage)
        return
    with exiting_in_time():
        _run(spec, storage, cluster, with_logs=log_format is not None)


def _run(spec: "StudySpec", storage: str, cluster: str | None, *, with_logs: bool) -> None:
    from study.launching.launch import launch as run_study
    from study.monitoring.console import progress_for_people

    with _logs_of(spec) if with_logs else progress_for_people() as progress:
        outcome = run_study(spec, storage=storage, cluster=cluster, progress=progress)
    say_how_it_ended(spec, outcome)
    if outcome.ending is not None and outcome.complete >= FEWEST_TRIALS_TO_DRAW:
        from study.coordinator.coordinator import Ending
        from study.report.outputs.dashboard_figures import save_to_dashboard

        if outcome.ending is not Ending.STOPPED:
            save_to_dashboard(spec.name, outcome.storage_url)


def _queue(spec: "StudySpec", storage: str) -> None:
    from study.service.enqueue import put_in_queue

    queued = put_in_queue(spec, storage)
    if queued.over:
        say(f"study {spec.name!r}: the budget was reached before; nothing to do")
        return
    watch, status = (command(verb, spec.name, storage=storage) for verb in ("watch", "status"))
    say(
        f"study {spec.name!r} is in the queue; a service (study serve) runs it; follow it with: "
        f"{watch} · {status}"
    )


@app.command()
def stop(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for it.")] = 60.0,
) -> None:
    """Stop a study that runs elsewhere; its running trials wait for the next launch."""
    from study.launching.stopping import stop_study

    say(stop_study(name, storage, timeout=wait))


@app.command()
def replay(
    name: NameArgument,
    trial: TrialArgument,
    storage: StorageOption = DEFAULT_STORAGE,
) -> None:
    """Train one trial again, alone, and compare every number with the recorded ones.

    Exit code 1 and a table of differences if any number differs.
    """
    from study.cli.tables import differences_table
    from study.launching.replay import replay as replay_trial

    (number,) = trial_numbers(name, [trial], storage)
    replayed = replay_trial(name, number, storage)
    how = "bit for bit" if replayed.exact else f"within {replayed.tolerance:g}, as the trial was "
    how += "" if replayed.exact else "recorded in another environment"
    if replayed.differences:
        print_table(differences_table(replayed))
    verdict = f"{len(replayed.differences)} of {replayed.compared} numbers differ"
    say(f"trial {number} of study {name!r}: {verdict}, compared {how}{replayed.what_was_left_out}")
    if replayed.differences:
        raise typer.Exit(ExitCode.FAILED)
