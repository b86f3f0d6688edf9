"""Trials as a person names them: by their numbers, or as the best one."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from study.errors import InvalidInput

BEST = "best"
TrialArgument = Annotated[
    str, typer.Argument(metavar="TRIAL", help="The trial's number, or 'best'.")
]


def is_trial(word: str) -> bool:
    """Whether the word is written as a trial is: digits, or 'best'."""
    return word == BEST or re.fullmatch(r"[0-9]{1,18}", word) is not None


def trial_numbers(study: str, words: Sequence[str], storage: str) -> list[int]:
    """The numbers of the trials that words name; 'best' is the one that `study status` calls so.

    Raises:
        InvalidInput: a word is no trial, or no trial is the best one: none is complete, or there
            are several objectives.
        StorageError: 'best', and there is no such study.
    """
    for word in words:
        if not is_trial(word):
            raise InvalidInput(f"TRIAL: found {word[:60]!r}; give a trial's number, or 'best'")
    best = _best(study, storage) if BEST in words else -1
    return [best if word == BEST else int(word) for word in words]


def are_trials(study: str, words: Sequence[str], storage: str) -> bool:
    """Whether words, beside the study, name trials of it and not other studies: one alone compares
    with nothing, and where some are written otherwise or are no trials of it, all are studies.

    Raises:
        StorageError: there is no such study.
    """
    from storage.database.opening import open_database
    from storage.reading.frames import load_results
    from storage.studies.names import list_names

    if not all(map(is_trial, words)):
        return False
    with open_database(storage, create=False) as database:
        names = set(list_names(database))
        trials = {BEST, *map(str, load_results(study, database)["trial"])}
    return not names.issuperset(words) or (len(words) > 1 and trials.issuperset(words))


def _best(study: str, storage: str) -> int:
    from storage.database.opening import open_database
    from storage.reading.frames import load_results
    from storage.studies.runs import read_run
    from study.analysis.trials import best_trial_of
    from study.specification.stored import stored_specification

    with open_database(storage, create=False) as database:
        spec = stored_specification(read_run(database, study).specification, study)
        results = load_results(study, database)
    if len(spec.objective) > 1:
        raise InvalidInput(
            f"study {study!r} has {len(spec.objective)} objectives, and no trial is the best by "
            "all of them; give a trial's number"
        )
    best = best_trial_of(results, spec.objective[0])
    if best is None:
        raise InvalidInput(f"study {study!r} has no complete trial yet, so none is the best")
    return best
