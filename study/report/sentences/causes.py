"""What moves the gap and the test accuracy: what can be told from luck, and what cannot."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from study.analysis import Measurements
from study.analysis.effects.causes import FEWEST_TRIALS, WORTH_KNOWING, Answer, Causes
from study.report.effects import found_causes, quantities
from study.report.style import points
from study.report.trials import number


def what_moves(measurements: Measurements) -> tuple[str, ...]:
    """A sentence on the gap and one on test accuracy; a single one where they say the same."""
    said = [
        _sentence(found_causes(measurements, quantity), called, measurements)
        for quantity, called, _ in quantities(measurements)
    ]
    answers = [found_causes(measurements, name).answer for name, _, _ in quantities(measurements)]
    if len(set(answers)) == 1 and answers[0] is not Answer.CAUSES and len(said) > 1:
        both = found_causes(measurements, quantities(measurements)[0][0])
        return (_sentence(both, "the gap or test accuracy", measurements),)
    return tuple(said)


def _sentence(causes: Causes, called: str, measurements: Measurements) -> str:
    called = "the gap" if called == "gap" else called
    match causes.answer:
        case Answer.CAUSES:
            return _named(causes, called, descriptive=measurements.descriptive)
        case Answer.TOO_FEW_TRIALS:
            return (
                f"Nothing is said about what moves {called}: "
                f"{number(causes.trials, 'configuration')} learned something, and it takes "
                f"{FEWEST_TRIALS}."
            )
        case Answer.NOTHING_VARIES:
            return f"Nothing is said about what moves {called}: no hyperparameter was varied."
        case Answer.ONE_REPLICATE:
            return (
                f"Nothing is said about what moves {called}: with one replicate an effect cannot "
                "be told from the luck of its seed. Take at least 3."
            )
        case Answer.LUCK:
            return _only_luck(causes, called)


def _named(causes: Causes, called: str, *, descriptive: bool) -> str:
    named = "; ".join(_difference(row) for row in causes.named.to_dict("records"))
    if descriptive:
        return (
            f"Among the trials that this search chose, {called} goes with {named}. These trials "
            "are no fair sample, so this describes them and is no effect."
        )
    if causes.selected:
        return (
            f"Among the trials that learned, {called} goes with {named}. Which trials learned "
            f"depends on {_listed(causes.selected)}, so this may be the work of another "
            "hyperparameter."
        )
    return f"What moves {called}, beyond luck: {named}."


def _only_luck(causes: Causes, called: str) -> str:
    words = (
        f"No hyperparameter's effect on {called} can be told from the luck of "
        f"{causes.replicates} seeds"
    )
    effect = f"an effect of {points(WORTH_KNOWING, sign=False)} points"
    enough = causes.enough
    if enough is None:
        return f"{words}."
    if enough.replicates is None:
        return f"{words}; {effect} would take more {enough.shortage.value}."
    if enough.replicates <= causes.replicates:
        return f"{words}; {effect} would probably have been seen."
    return f"{words}; {effect} would probably take {enough.replicates} replicates."


def _listed(names: Sequence[str]) -> str:
    *others, last = (name.replace("_", " ") for name in names)
    return f"{', '.join(others)} and {last}" if others else last


def _difference(row: Mapping[Hashable, Any]) -> str:
    """dropout 0.6 against 0: −5.9 points (−8.1 to −3.7)"""
    name = str(row["hyperparameter"]).replace("_", " ")
    low, high = points(row["low"]), points(row["high"])
    return (
        f"{name} {row['level']} against {row['against']}: {points(row['difference'])} points "
        f"({low} to {high})"
    )
