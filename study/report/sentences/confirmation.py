"""Sentences on what a confirmation found, and on what is not known without one: pure functions."""

from study.analysis.confirmation import ConfirmedTrial, confirmed_trials
from study.analysis.learning import learned
from study.analysis.measurements import Measurements
from study.analysis.search.seed_luck import SeedLuck, expected_luck
from study.analysis.trials import distinct_trials
from study.monitoring.suggestion import command
from study.report.style import percent, points
from study.report.trials import described, is_baseline
from study.specification.spec import Objective

SMALLEST_LUCK = 0.0005
"""Less is no tenth of a point."""


def headline(confirmed: ConfirmedTrial) -> str:
    """What the trial's configuration does, and what one next network of it is to be expected to."""
    own = confirmed
    single = "network" if own.members == 1 else f"ensemble of {own.members}"
    return (
        f"Confirmed on {own.replicates} fresh replicates, trial {own.trial} is right on "
        f"{percent(own.test_accuracy)} of test examples (95 % interval {percent(own.test_low)} to "
        f"{percent(own.test_high)}); {_next(own, single)}; {_failures(own)}."
    )


def _next(own: ConfirmedTrial, single: str) -> str:
    between = f"between {percent(own.next_low)} and {percent(own.next_high)}"
    if own.observed:
        return f"the {own.replicates} lay {between}"
    return f"one next {single} will probably be {between}"


def _failures(own: ConfirmedTrial) -> str:
    high = percent(own.failed_high, 0)
    if own.failed == 0 and own.fragile:
        return (
            f"none of {own.replicates} seeds failed, but seeds of this study do, and of all seeds "
            f"of this trial up to {high} may: the interval is of seeds that do not fail (where one "
            "in ten does, it holds the mean of all seeds in two of three studies)"
        )
    if own.failed == 0:
        return f"none of {own.replicates} seeds failed, so of all seeds at most {high} probably do"
    if own.failed == own.replicates:
        return f"all {own.replicates} seeds failed to learn the training set"
    low = percent(own.failed_low, 0)
    return f"{own.failed} of {own.replicates} seeds failed (of all seeds, {low} to {high} do)"


def others_confirmed(measurements: Measurements, best: int) -> str | None:
    """What fresh replicates say of the other confirmed trials; None where there are none."""
    others = [own for own in confirmed_trials(measurements) if own.trial != best]
    if not others:
        return None
    said = "; ".join(
        f"{described(measurements, own.trial)}"
        f"{', the baseline,' if is_baseline(measurements, own.trial) else ''} is right on "
        f"{percent(own.test_accuracy)} ({percent(own.test_low)} to {percent(own.test_high)}), "
        f"{own.failed} of {own.replicates} seeds failed"
        for own in others
    )
    return f"Also confirmed: {said}."


def selection_luck(confirmed: ConfirmedTrial) -> str:
    """How far the search's own figure was off; "" where fresh replicates do not say that it was."""
    own = confirmed
    if own.search_test_accuracy <= own.test_high:
        return ""
    return (
        f"The {own.search_replicates} replicates of the search gave trial {own.trial} "
        f"{percent(own.search_test_accuracy)}: {points(own.luck, sign=False)} points of that were "
        "the luck of its seeds and splits."
    )


def unconfirmed(measurements: Measurements, best: int) -> str:
    """What to think of the best trial's test accuracy; "" where it is confirmed, where nothing was
    picked by luck (one trial alone, or an objective that no seed changes), or where the best trial
    learned nothing."""
    objective = Objective(measurements.specification["objective"][0])
    kept = distinct_trials(measurements.results)
    known = kept[learned(kept, measurements.splits)]
    alone = len(known) < 2 or best not in set(known["trial"])
    if alone or objective is Objective.PARAMETERS or _is_confirmed(measurements, best):
        return ""
    luck = expected_luck(known, measurements.replicates, objective)
    measure = f"{command('confirm', measurements.run.study)} measures it"
    return f"These are the networks that were picked; {_how_lucky(luck, measure)}."


def _how_lucky(luck: SeedLuck | None, measure: str) -> str:
    if luck is None:
        return (
            "how much of their accuracy is the luck of their seeds cannot be said from one "
            f"replicate ({measure})"
        )
    if luck.contenders < 2:
        return "no other trial came near enough to have won with other seeds"
    if luck.spread < SMALLEST_LUCK:
        return "seeds differ so little in this study that luck had hardly a part in it"
    if luck.excess < SMALLEST_LUCK:
        return (
            "seeds that did well on validation examples did no better on test examples, so how "
            f"much of their accuracy is luck cannot be said ({measure})"
        )
    return (
        "the configuration's own accuracy is probably lower, by about "
        f"{points(luck.excess, sign=False)} points: with other seeds, another of {luck.contenders} "
        f"trials could have been the best (an estimate; {measure})"
    )


def _is_confirmed(measurements: Measurements, trial: int) -> bool:
    frames = measurements.confirmation
    return frames is not None and bool((frames.replicates["trial"] == trial).any())
