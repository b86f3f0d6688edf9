"""Which hyperparameter matters: two questions, two measures, both named.

PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023; Optuna's evaluator) answers "what gets a trial
into the best 10 %", fANOVA (study.analysis.effects.fanova) "what explains the variance over the
whole space". They may well disagree: what ruins half of all trials explains variance, and decides
nothing among the good ones. PED-ANOVA looks at the best 10 % alone: below some 100 trials it is
mostly chance.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from study.analysis.effects.fanova import variance_shares
from study.analysis.effects.finding import Finding
from study.analysis.effects.population import MOST_LEVELS
from study.analysis.intervals.random_effects import FloatArray
from study.analysis.learning import learned
from study.analysis.trials import distinct_trials
from study.errors import InvalidInput

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST_TRIALS = 8
SHARE_OF_BEST = 0.1
MOST_PED_ANOVA_TRIALS = 500  # an even sample of more: its best tenth are fifty


def importances(
    results: pd.DataFrame,
    splits: pd.DataFrame,
    hyperparameters: list[str],
    quantity: str = "generalization_gap",
    *,
    only_learned: bool = False,
    descriptive: bool = False,
    seed: int = 0,
) -> Finding:
    """One row per hyperparameter that varies: columns hyperparameter, fanova, ped_anova.

    fanova is a share of the forest's variance; what is missing from 1 is due to combinations. The
    finding's r_squared says whether the forest knows anything: out of bag.
    ped_anova sums to 1; the best are those of highest accuracy, or of smallest gap. Sorted by
    fanova. Raises InvalidInput with fewer than 8 trials.
    """
    kept = distinct_trials(results)
    if only_learned:
        kept = kept[learned(kept, splits)]
    kept = kept[kept[quantity].notna()]
    if len(kept) < FEWEST_TRIALS:
        raise InvalidInput(f"importances need {FEWEST_TRIALS} trials, there are {len(kept)}")
    varying = [name for name in hyperparameters if kept[name].nunique(dropna=False) > 1]
    values = kept[quantity].to_numpy(dtype=np.float64)
    found = pd.DataFrame({"hyperparameter": varying, "fanova": 0.0, "ped_anova": 0.0})
    r_squared = 0.0
    if varying and np.ptp(values) > 0.0:
        points = np.column_stack([_position(kept[name]) for name in varying])
        found["fanova"], r_squared = variance_shares(points, values, seed)
        losses = -values if quantity.endswith("accuracy") else values
        found["ped_anova"] = _ped_anova(points, losses, [_is_choice(kept[n]) for n in varying])
    table = found.sort_values("fanova", ascending=False, kind="stable", ignore_index=True)
    return Finding(table, descriptive, r_squared)


def out_of_bag_r_squared(
    results: pd.DataFrame, hyperparameters: list[str], quantity: str, seed: int = 0
) -> float:
    """How much of the quantity's variance over these trials a forest over these hyperparameters
    knows out of bag: about 0 or negative where it knows nothing."""
    varying = [name for name in hyperparameters if results[name].nunique(dropna=False) > 1]
    values = results[quantity].to_numpy(dtype=np.float64)
    if not varying or np.ptp(values) == 0.0:
        return 0.0
    points = np.column_stack([_position(results[name]) for name in varying])
    return variance_shares(points, values, seed)[1]


def _is_choice(values: "pd.Series[float]") -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype) or values.nunique() <= MOST_LEVELS


def _position(values: "pd.Series[float]") -> FloatArray:
    """Each value's place on its axis, from 0 to 1; a logarithmic one over a factor of 100."""
    if _is_choice(values):
        places = values.rank(method="dense", na_option="bottom").to_numpy(dtype=np.float64)
        return np.asarray((places - 0.5) / places.max())
    numbers = values.astype("float64").fillna(values.max()).to_numpy()
    if numbers.min() > 0.0 and numbers.max() / numbers.min() >= 100.0:
        numbers = np.log(numbers)
    return np.asarray((numbers - numbers.min()) / np.ptp(numbers))


def _ped_anova(points: FloatArray, losses: FloatArray, choices: list[bool]) -> list[float]:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    if len(points) > MOST_PED_ANOVA_TRIALS:
        chosen = np.linspace(0, len(points) - 1, MOST_PED_ANOVA_TRIALS).astype(int)
        points, losses = points[chosen], losses[chosen]
    names = [str(column) for column in range(points.shape[1])]
    space: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(np.unique(column).tolist())
        if choice
        else FloatDistribution(0.0, 1.0)
        for name, column, choice in zip(names, points.T, choices, strict=True)
    }
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
        study.add_trials(
            [
                create_trial(
                    params=dict(zip(names, row, strict=True)), distributions=space, value=loss
                )
                for row, loss in zip(points.tolist(), losses.tolist(), strict=True)
            ]
        )
        with warnings.catch_warnings():
            # It reminds that low is good, which holds here.
            warnings.simplefilter("ignore", UserWarning)
            shares = get_param_importances(
                study,
                evaluator=PedAnovaImportanceEvaluator(target_quantile=SHARE_OF_BEST),
                params=names,
                target=lambda trial: float(trial.values[0]),
            )
    finally:
        optuna.logging.set_verbosity(verbosity)
    return [shares[name] for name in names]
