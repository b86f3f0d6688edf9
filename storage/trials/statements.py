"""The statements that read Optuna's trials: each is written once, and compiled once.

Any number of ids goes to the database as one value: a JSON array on SQLite, an array on PostgreSQL.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from optuna.trial import TrialState
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Connection,
    Double,
    Integer,
    Select,
    String,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)

from storage.tables.optuna_schema import (
    trial_intermediate_values,
    trial_params,
    trial_system_attributes,
    trial_user_attributes,
    trial_values,
    trials,
)

_P, _V, _I = trial_params.c, trial_values.c, trial_intermediate_values.c
_U, _S = trial_user_attributes.c, trial_system_attributes.c

_TRIAL = select(
    trials.c.trial_id,
    trials.c.number,
    type_coerce(trials.c.state, String),
    trials.c.datetime_start,
    trials.c.datetime_complete,
)
_OF_STUDY = trials.c.study_id == bindparam("study")

_NO_TEXT, _NO_NUMBER = cast(null(), Text), cast(null(), Double)

# The child rows of a trial, all in one shape, so that one statement reads them: the field of
# TrialRows, the trial, a name, a number, a text, a place.
_CHILDREN: tuple[Select[Any], ...] = (
    select(
        literal_column("'parameters'").label("field"),
        *(_P.trial_id, _P.param_name, _P.param_value, _P.distribution_json, _P.param_id),
    ),
    select(
        literal_column("'values'"),
        *(_V.trial_id, _NO_TEXT, _V.value, cast(_V.value_type, Text), _V.objective),
    ),
    select(
        literal_column("'intermediate_values'"),
        *(_I.trial_id, _NO_TEXT, _I.intermediate_value),
        *(cast(_I.intermediate_value_type, Text), _I.step),
    ),
    select(
        literal_column("'user_attributes'"),
        *(_U.trial_id, _U.key, _NO_NUMBER, _U.value_json, _U.trial_user_attribute_id),
    ),
    select(
        literal_column("'system_attributes'"),
        *(_S.trial_id, _S.key, _NO_NUMBER, _S.value_json, _S.trial_system_attribute_id),
    ),
)

TRIALS_OF_STUDY = _TRIAL.where(_OF_STUDY).order_by(trials.c.trial_id)
CHILDREN_OF_STUDY = union_all(
    *(
        child.join(trials, trials.c.trial_id == child.selected_columns.trial_id).where(_OF_STUDY)
        for child in _CHILDREN
    )
)
WAITING_OF_STUDY = (
    select(trials.c.trial_id).where(_OF_STUDY, trials.c.state == TrialState.WAITING.name).limit(1)
)
STUDY_OF_TRIAL = select(trials.c.study_id).where(trials.c.trial_id == bindparam("trial"))


class Statements(NamedTuple):
    """The statements that a kind of database reads trials by ids with."""

    trials: Select[Any]
    locked: Select[Any]
    children: CompoundSelect[Any]
    with_reports: CompoundSelect[Any]
    changed: CompoundSelect[Any]


@cache
def statements(dialect: str) -> Statements:
    """changed: what can have changed since the trial :newest was seen, and the newest itself.

    That is the study's later trials, and the unfinished ones among :ids. Within a study ids rise
    in the order of commits, because whoever adds a trial locks the study.
    """
    later = _TRIAL.where(
        trials.c.trial_id >= bindparam("newest"),
        # The sum keeps PostgreSQL from the index on study_id, which would read the whole study.
        trials.c.study_id + 0 == bindparam("study"),
    )
    by_id = _TRIAL.where(_among(trials.c.trial_id, dialect))
    return Statements(
        by_id,
        by_id.order_by(trials.c.trial_id).with_for_update(),
        union_all(*(c.where(_among(c.selected_columns.trial_id, dialect)) for c in _CHILDREN)),
        union_all(
            *(
                c.with_only_columns(c.selected_columns.trial_id).where(
                    _among(c.selected_columns.trial_id, dialect)
                )
                for c in _CHILDREN[1:]  # all but parameters
            )
        ),
        later.union_all(by_id),
    )


def as_ids(connection: Connection, ids: Iterable[int]) -> str | list[int]:
    """The value of :ids."""
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)


def _among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return column.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value))
    return column == any_(bindparam("ids", type_=ARRAY(Integer)))
