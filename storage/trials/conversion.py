"""Between Optuna's FrozenTrial and the rows that hold it, both ways. No SQL.

Times are naive in both: UTC in the database, the local zone in a FrozenTrial, as Optuna has it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from storage.database.attributes import AttributeRow, attribute_rows, decode_attribute
from storage.errors import RowsRefused
from storage.trials.distributions import DistributionEncoder, parse_distribution

ParameterRow = tuple[str, float, str]  # name, internal value, distribution as JSON
ValueRow = tuple[int, float | None, str]  # objective or step, value, kind of value


@dataclass(slots=True)
class TrialRows:
    """Everything that Optuna's tables hold of one trial."""

    trial_id: int
    number: int
    state: TrialState
    started: datetime | None = None  # naive UTC
    completed: datetime | None = None  # naive UTC
    parameters: list[ParameterRow] = field(default_factory=list)
    values: list[ValueRow] = field(default_factory=list)
    user_attributes: list[AttributeRow] = field(default_factory=list)
    system_attributes: list[AttributeRow] = field(default_factory=list)
    intermediate_values: list[ValueRow] = field(default_factory=list)

    @property
    def started_at(self) -> datetime | None:
        """When it began, aware."""
        return None if self.started is None else self.started.replace(tzinfo=UTC)


def to_frozen_trial(rows: TrialRows) -> FrozenTrial:
    """The trial that these rows hold."""
    distributions: dict[str, BaseDistribution] = {}
    parameters: dict[str, Any] = {}
    for name, value, text in rows.parameters:
        distribution = distributions[name] = parse_distribution(text)
        parameters[name] = distribution.to_external_repr(value)
    values = [stored_repr_to_value(value, kind) for _, value, kind in sorted(rows.values)] or None
    return FrozenTrial(
        number=rows.number,
        state=rows.state,
        value=None,
        values=values,
        datetime_start=to_local(rows.started),
        datetime_complete=to_local(rows.completed),
        params=parameters,
        distributions=distributions,
        user_attrs={key: decode_attribute(text) for key, text in rows.user_attributes},
        system_attrs={key: decode_attribute(text) for key, text in rows.system_attributes},
        intermediate_values={
            step: stored_repr_to_value(value, kind)
            for step, value, kind in rows.intermediate_values
        },
        trial_id=rows.trial_id,
    )


def from_frozen_trial(trial: FrozenTrial, trial_id: int, number: int) -> TrialRows:
    """The rows that hold this trial under another id and number.

    Raises RowsRefused for an objective value that is NaN, TypeError for an attribute that JSON
    cannot hold.
    """
    encode = DistributionEncoder()
    return TrialRows(
        trial_id,
        number,
        trial.state,
        to_utc(trial.datetime_start),
        to_utc(trial.datetime_complete),
        parameter_rows(trial.params, trial.distributions, encode),
        value_rows(trial.values or ()),
        attribute_rows(trial.user_attrs),
        attribute_rows(trial.system_attrs),
        intermediate_rows(trial.intermediate_values),
    )


def parameter_rows(
    parameters: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    encode: DistributionEncoder,
) -> list[ParameterRow]:
    """In the order of parameters. Raises KeyError where a distribution is missing."""
    rows = []
    for name, value in parameters.items():
        distribution = distributions[name]
        rows.append((name, distribution.to_internal_repr(value), encode(distribution)))
    return rows


def value_rows(values: Iterable[float]) -> list[ValueRow]:
    """Objective values, in the order of the study's directions. Raises RowsRefused for NaN."""
    rows = [(objective, *value_to_stored_repr(value)) for objective, value in enumerate(values)]
    if any(kind == "NAN" for _, _, kind in rows):
        raise RowsRefused("an objective value must not be NaN; Optuna has no way to store it")
    return rows


def intermediate_rows(values: Mapping[int, float]) -> list[ValueRow]:
    """Reported values by step."""
    return [(step, *value_to_stored_repr(value)) for step, value in values.items()]


def value_to_stored_repr(value: float) -> tuple[float | None, str]:
    """A number as Optuna stores it: infinities and NaN, which SQL lacks, as NULL and the name of
    their kind."""
    value = float(value)
    if math.isfinite(value):
        return value, "FINITE"
    if math.isnan(value):
        return None, "NAN"
    return None, "INF_POS" if value > 0 else "INF_NEG"


_NAMED = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


def stored_repr_to_value(value: float | None, kind: str) -> float:
    """The number that value_to_stored_repr made these from."""
    return _NAMED[kind] if value is None else value


def to_utc(local: datetime | None) -> datetime | None:
    """Naive UTC for a naive local or an aware time."""
    return None if local is None else local.astimezone(UTC).replace(tzinfo=None)


@lru_cache(maxsize=256)  # the trials of a batch have it in common
def to_local(utc: datetime | None) -> datetime | None:
    """The naive local time of a naive UTC one."""
    return None if utc is None else utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def utc_now() -> datetime:
    """This process's clock in naive UTC: Optuna's trial times are of whoever writes them."""
    return datetime.now(UTC).replace(tzinfo=None)
