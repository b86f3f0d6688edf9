"""The studies of a database, as tables for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table

from storage.database.opening import open_database
from storage.reading.summaries import RunSummary, list_runs
from storage.studies.names import list_names_without_run
from storage.studies.runs import StudyRun, read_run
from storage.studies.splits import constant_test_accuracy, read_splits
from storage.tables.status import RunStatus
from storage.trials.confirmations import confirmed_replicates
from study.analysis.trials import best_trial_of
from study.errors import InvalidInput
from study.monitoring.terminal import data_console, visible
from study.specification.stored import stored_specification

if TYPE_CHECKING:
    import pandas as pd

    from study.specification.spec import Objective, StudySpec

_STATES = ("COMPLETE", "RUNNING", "WAITING", "PRUNED", "FAIL")


def studies_table(storage: str) -> Table:
    """Every study of the database: its status, its trials and its best value."""
    with open_database(storage, create=False) as database:
        summaries = list_runs(database)
        others = list_names_without_run(database)
    queue = _queue(summaries)
    table = Table("name", "status", "trials", "best", "objective", "created (UTC)")
    names = [*(summary.run.study for summary in summaries), *others]
    table.columns[0].no_wrap = True
    table.columns[0].min_width = max((cell_len(visible(name)) for name in names), default=0)
    for summary in summaries:
        run = summary.run
        table.add_row(
            run.study,
            _status(run, queue),
            _counts(summary),
            ", ".join("–" if best is None else f"{best:.4g}" for best in summary.best_values),
            ", ".join(_objectives(run)) or "cannot be read",
            f"{run.created_at:%Y-%m-%d %H:%M}",
        )
    for name in others:
        table.add_row(name, "only Optuna's", "", "", "", "")
    return table


def status_table(name: str, storage: str) -> Table:
    """One study: what it is, who works on it, how far it has come, and why trials failed."""
    from storage.reading.frames import load_results

    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        constant = constant_test_accuracy(read_splits(database, name))
        summaries = list_runs(database)
        confirmed = confirmed_replicates(database, run.study)
        (summary,) = [summary for summary in summaries if summary.run.study == run.study]
    results = load_results(name, storage)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for label, text in _facts(run, summary, _queue(summaries), results).items():
        table.add_row(label, text)
    if constant is not None:
        table.add_row(
            "base rate", f"{constant:.3f} of test examples are of the most frequent class"
        )
    table.add_row("confirmed", _confirmed(confirmed))
    if run.error is not None:
        table.add_row("error", run.error)
    for reason, count in _reasons(results):
        table.add_row("failed", f"{count} × {reason}")
    return table


def results_table(name: str, storage: str) -> Table:
    """A study's trials, a row each, with what people look at first."""
    from storage.reading.frames import load_results
    from study.analysis.trials import varying_hyperparameters
    from study.cli.tables import as_table

    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        results = load_results(name, database)
    known = set(results.columns)
    return as_table(
        results,
        "",
        objectives=[objective for objective in _objectives(run) if objective in known],
        varying=varying_hyperparameters(results),
        search=_search(run),
        width=data_console().width,
    )


def _queue(summaries: Sequence[RunSummary]) -> list[str]:
    """The names of the studies that wait for a service, in the order of their turns."""
    waiting = [
        (summary.run.queued_at, summary.run.study)
        for summary in summaries
        if summary.run.status is RunStatus.QUEUED and summary.run.queued_at is not None
    ]
    return [name for _, name in sorted(waiting)]


def _status(run: StudyRun, queue: Sequence[str]) -> str:
    if run.study in queue:
        return f"queued ({queue.index(run.study) + 1} of {len(queue)})"
    return run.status.value


def _facts(
    run: StudyRun, summary: RunSummary, queue: Sequence[str], results: "pd.DataFrame"
) -> dict[str, str]:
    return {
        "study": run.study,
        "status": _status(run, queue),
        "run by": "a service" if run.detached else "whoever launches it",
        "coordinator": str(run.owner) if run.owner else "none",
        "trials": _counts(summary),
        **_specified(run, results),
        "seed": str(run.seed),
        "versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
        "created": f"{run.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "started": f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC" if run.started_at else "–",
        "finished": f"{run.finished_at:%Y-%m-%d %H:%M:%S} UTC" if run.finished_at else "–",
    }


def _specified(run: StudyRun, results: "pd.DataFrame") -> dict[str, str]:
    """What the study was asked for, if it can be read: whoever reaches the database wrote it."""
    try:
        spec = stored_specification(run.specification, run.study)
    except InvalidInput as error:
        return {"specification": str(error)}
    budget = [
        f"{amount:g} {unit}"
        for unit, amount in spec.budget.model_dump().items()
        if amount is not None
    ]
    return {
        "budget": ", ".join(budget) or "the default",
        "best": ", ".join(_best(objective, results) for objective in spec.objective),
        "data": f"{spec.data.source} ({_data_hash(run, spec)})",
        "sampler": spec.sampler.value,
    }


def _confirmed(replicates: Mapping[int, int]) -> str:
    """Which trials were trained on how many fresh replicates."""
    numbers = sorted(set(replicates.values()), reverse=True)
    by_number = [(n, [t for t, own in replicates.items() if own == n]) for n in numbers]
    parts = [
        f"trial{'s' * (len(trials) > 1)} {', '.join(map(str, trials))} on {n} fresh replicates"
        for n, trials in by_number
    ]
    return "; ".join(parts) or "no trial"


def _best(objective: "Objective", results: "pd.DataFrame") -> str:
    """The best value and whose it is: each objective may have a winner of its own."""
    best = best_trial_of(results, objective)
    if best is None:
        return f"{objective.value} –"
    value = float(results.loc[results["trial"] == best, objective.value].iloc[0])
    return f"{objective.value} {value:.4f} (trial {best})"


def _objectives(run: StudyRun) -> list[str]:
    found = run.specification.get("objective") if isinstance(run.specification, dict) else None
    return [str(name)[:40] for name in found] if isinstance(found, list) else []


def _search(run: StudyRun) -> Mapping[str, Any]:
    found = run.specification.get("search") if isinstance(run.specification, dict) else None
    return found if isinstance(found, dict) else {}


def _data_hash(run: StudyRun, spec: "StudySpec") -> str:
    """Of the examples as they were read, and of their file where that was recorded."""
    examples = f"content hash {run.data_sha256[:12]}…" if run.data_sha256 else "not read yet"
    file = spec.data.sha256
    return examples if file is None else f"{examples}, the file's SHA-256 {file[:12]}…"


def _counts(summary: RunSummary) -> str:
    words = {"COMPLETE": "done", "FAIL": "failed"}
    shown = [
        f"{summary.trials[state]} {words.get(state, state.lower())}"
        for state in _STATES
        if summary.trials.get(state)
    ]
    return ", ".join(shown) or "none yet"


def _reasons(results: "pd.DataFrame") -> list[tuple[str, int]]:
    """Why trials failed, most frequent first."""
    return Counter(results["error"].dropna().astype(str)).most_common(5)
