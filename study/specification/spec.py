"""The specification of a study: what is searched, on which data, how, and for how long.

A frozen value that is either right or refused. Whether the data exist is asked when they are read.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from study.errors import nearest
from study.specification.claims import Claim
from study.specification.dimensions import Categorical, Numeric, Range
from study.specification.plain_values import as_yaml
from workers.columns import Column
from workers.configuration import (
    HYPERPARAMETERS,
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)

LONGEST_NAME = 200
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f/\\]+$")]
Depth = Annotated[int, Field(ge=1, le=1000, strict=True)]
Width = Annotated[int, Field(ge=1, le=65536, strict=True)]
DropoutRate = Annotated[float, Field(ge=0, lt=1, strict=True)]
EnsembleSize = Annotated[int, Field(ge=1, le=256, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(gt=0, le=1, strict=True)]
ShareBelowOne = Annotated[float, Field(gt=0, lt=1, strict=True)]

# What a hyperparameter and a setting are where a specification does not mention them.
DEFAULTS = Configuration()
DEFAULT_SETTINGS = TrainingSettings()


class SamplerTrait(Enum):
    """What must be known of a sampler beside how it chooses."""

    DESIGN = "configurations do not depend on results, so that a study of them gives effects"
    SINGLE_OBJECTIVE_ONLY = "it cannot weigh several objectives"
    NEEDS_LEVELS = "it tries every combination of levels once: a range needs a step"


class Sampler(StrEnum):
    """How the next configurations are chosen; study.sampling says how each of them does it."""

    RANDOM = "random", SamplerTrait.DESIGN
    GRID = "grid", SamplerTrait.DESIGN, SamplerTrait.NEEDS_LEVELS
    QMC = "qmc", SamplerTrait.DESIGN
    TPE = "tpe"
    NSGA2 = "nsga2"
    CMAES = "cmaes", SamplerTrait.SINGLE_OBJECTIVE_ONLY
    GP = "gp"

    _traits: frozenset[SamplerTrait]

    def __new__(cls, value: str, *traits: SamplerTrait) -> Self:
        """The member whose value is the first item, as in a specification."""
        member = str.__new__(cls, value)
        member._value_ = value
        member._traits = frozenset(traits)
        return member

    @property
    def is_design(self) -> bool:
        """Whether its configurations do not depend on results."""
        return SamplerTrait.DESIGN in self._traits

    @property
    def single_objective_only(self) -> bool:
        """Whether several objectives are refused."""
        return SamplerTrait.SINGLE_OBJECTIVE_ONLY in self._traits

    @property
    def needs_levels(self) -> bool:
        """Whether it tries every combination of levels once, and then nothing more."""
        return SamplerTrait.NEEDS_LEVELS in self._traits


class Pruner(StrEnum):
    """How trials without promise are ended before their last epoch."""

    NONE = "none"
    MEDIAN = "median"
    SUCCESSIVE_HALVING = "successive_halving"
    HYPERBAND = "hyperband"


class Objective(StrEnum):
    """What the search optimizes: never a test quantity, so that the test set stays unseen."""

    VALIDATION_ACCURACY = "validation_accuracy"
    VALIDATION_LOSS = "validation_loss"
    VALIDATION_GAP = "validation_gap"
    PARAMETERS = "parameters"

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Optuna's word for which values are better."""
        return "maximize" if self is Objective.VALIDATION_ACCURACY else "minimize"


class Section(BaseModel):
    """A frozen part of the specification that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        for key in given:
            if key not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                hint = nearest(str(key), list(cls.model_fields))
                raise ValueError(f"unknown key {as_yaml(key)}{hint} (known: {known})")
        return given


class UntrainedInputs(StrEnum):
    """What an input that is constant in the training examples is to a network."""

    ZERO = "zero"
    KEPT = "kept"


def _listed(given: Any) -> Any:
    """One word where a list of them may stand."""
    return [given] if isinstance(given, str) else given


def _listed_or_none(given: Any) -> Any:
    """No word where nothing stands, one where a list of them may stand."""
    return [] if given is None else _listed(given)


def _as_words(given: Any) -> Any:
    """Words, where YAML has read some of them as numbers."""
    listed = _listed(given)
    if not isinstance(listed, list | tuple):
        return listed
    return [
        f"{value:.15g}" if isinstance(value, int | float) and not isinstance(value, bool) else value
        for value in listed
    ]


class DataSpec(Section):
    """Where the examples come from, how their columns are read, and how they are split."""

    source: Annotated[str, Field(min_length=1)]
    """A built-in name, a table (.csv, .tsv, .parquet, .npz; .csv.gz) or openml:ID."""

    target: str | None = None
    """The column of labels; by default `target`, in an .npz the array `y`."""

    test: str | None = None
    """A file of test examples. Its columns are read as those of the source were."""

    split: str | None = None
    """A column that says of each row whether it is for train, validation or test."""

    group: str | None = None
    """A column whose equal values stay on one side of every split, such as a patient."""

    drop: Annotated[tuple[str, ...], BeforeValidator(_listed_or_none)] = ()
    """Columns that are not used."""

    features: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = None
    """The only columns to use; by default all but target, split and group."""

    missing_values: Annotated[tuple[str, ...], BeforeValidator(_as_words)] = ()
    """Words that mean "no value" in every column, such as "?" or -999."""

    types: Mapping[str, Literal["number", "boolean", "date", "duration", "category"]] = {}
    """What a column is read as, where that is not to be found out."""

    max_levels: Annotated[int, Field(ge=2, le=100_000, strict=True)] = 50
    """How many levels of a category are told apart: the most frequent ones; the others are one."""

    test_fraction: ShareBelowOne = 0.25
    """The share of all rows that are drawn for testing, where neither test nor split says which."""

    validation_fraction: ShareBelowOne = 0.2
    """The share of the other rows that are drawn for validation, anew for every replicate."""

    label_noise: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.0
    """The share of training labels that are replaced by a different class."""

    untrained_inputs: UntrainedInputs = UntrainedInputs.ZERO
    """What an input that is constant in the training rows of a replicate is: it has no trained
    weight. Studies begun before it could be zero keep it."""

    columns: tuple[Column, ...] | None = None
    """How every column is read: written down when the data are first read, and kept."""

    rules: Literal[1, 2] = 2
    """1 in studies that were begun before `columns` was written down: they go on as then."""

    sha256: str | None = None
    """SHA-256 of the file `source`, as sha256sum prints it; another file is refused."""

    test_sha256: str | None = None
    """SHA-256 of the file `test`."""

    @field_serializer("columns")
    def _compactly(self, columns: tuple[Column, ...] | None) -> list[dict[str, Any]] | None:
        return None if columns is None else [column.document() for column in columns]

    @field_validator("sha256", "test_sha256")
    @classmethod
    def _is_a_sha256(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch("[0-9a-fA-F]{64}", given):
            raise ValueError(f"found {given[:70]!r}; give the 64 digits that sha256sum prints")
        return None if given is None else given.lower()

    @model_validator(mode="after")
    def _has_one_test_set(self) -> Self:
        if self.test is not None and self.split is not None:
            raise ValueError("test and split both name the test set; give one of them")
        return self

    @model_validator(mode="after")
    def _uses_what_it_does_not_drop(self) -> Self:
        both = [name for name in self.features or () if name in self.drop]
        if both:
            raise ValueError(f"{both[0]!r} stands in features and in drop; give it in one of them")
        return self


class SearchSpec(Section):
    """The search space: per hyperparameter a fixed value, a choice or a range (None: default)."""

    topology: Categorical[Topology] | None = None
    """How the hidden layers are wired."""
    depth: Numeric[Depth, Range[Depth]] | None = None
    """How many hidden layers."""
    width: Numeric[Width, Range[Width]] | None = None
    """Units of each hidden layer."""
    activation: Categorical[Activation] | None = None
    """The function of every hidden unit."""
    initialization: Categorical[Initialization] | None = None
    """The distribution of the initial weights; biases start at zero."""
    dropout: Numeric[DropoutRate, Range[DropoutRate]] | None = None
    """The probability that a hidden unit is switched off in a training step."""
    ensemble_size: Numeric[EnsembleSize, Range[EnsembleSize]] | None = None
    """How many networks predict together."""
    learning_rate: Numeric[Positive, Range[Positive]] | None = None
    """The optimizer's step size."""
    weight_decay: Numeric[NotNegative, Range[NotNegative]] | None = None
    """How strongly weights are drawn towards zero in each step."""
    batch_size: Numeric[Count, Range[Count]] | None = None
    """Training examples of each step."""
    optimizer: Categorical[Optimizer] | None = None
    """The rule that turns gradients into steps."""
    train_fraction: Numeric[Share, Range[Share]] | None = None
    """The share of the training split that is used."""
    early_stopping_patience: Numeric[Count | None, Range[Count]] | None = None
    """Epochs without a better validation loss after which a network stops and returns to its
    best weights; null: never."""


class EarlyStoppingSpec(Section):
    """End a network's training after `patience` epochs without a better validation loss."""

    patience: Count
    """Epochs without a better validation loss."""


class TrainingSpec(Section):
    """What all trials share in training; batch_size, optimizer and early stopping are defaults
    that the search may take over."""

    optimizer: Optimizer = DEFAULTS.optimizer
    """The rule that turns gradients into steps, unless the search says otherwise."""
    batch_size: Count = DEFAULTS.batch_size
    """Training examples of each step, unless the search says otherwise."""
    early_stopping: EarlyStoppingSpec | None = None
    """End training early; none: every network is trained to the last epoch."""
    epochs: Count = DEFAULT_SETTINGS.epochs
    """How often a network sees its training examples."""
    replicates: Count = DEFAULT_SETTINGS.replicates
    """How often each configuration is trained, on other splits and from other seeds."""
    evaluations: Count = DEFAULT_SETTINGS.evaluations
    """The largest number of epochs at which learning curves are measured."""
    leaky_relu_slope: NotNegative = DEFAULT_SETTINGS.leaky_relu_slope
    """Of leaky_relu, for negative inputs."""
    elu_alpha: Positive = DEFAULT_SETTINGS.elu_alpha
    """Of elu: the limit for negative inputs is its negative."""
    maxout_pieces: Annotated[int, Field(ge=2, le=16, strict=True)] = DEFAULT_SETTINGS.maxout_pieces
    """Linear pieces of each maxout unit."""
    recurrent_cell: RecurrentCell = DEFAULT_SETTINGS.recurrent_cell
    """What a unit of a recurrent network does at each step."""
    momentum: Annotated[float, Field(ge=0, lt=1, strict=True)] = DEFAULT_SETTINGS.momentum
    """Of the optimizer momentum."""
    gradient_clip: Positive | None = DEFAULT_SETTINGS.gradient_clip
    """The largest Euclidean norm of a network's gradient; none: unbounded."""

    def settings(self) -> TrainingSettings:
        """The part that workers need beside a trial's configuration."""
        names = {field.name for field in fields(TrainingSettings)}
        return TrainingSettings(**self.model_dump(include=names))

    def hyperparameters(self) -> dict[str, Any]:
        """The values that are searched only where the search names them."""
        patience = self.early_stopping.patience if self.early_stopping else None
        named = [name for name in HYPERPARAMETERS if name in TrainingSpec.model_fields]
        return {
            **{name: getattr(self, name) for name in named},
            "early_stopping_patience": patience,
        }


class BudgetSpec(Section):
    """When a study ends: totals over all launches. None: no such bound."""

    trials: Count | None = None
    """The number of trials."""
    hours: Positive | None = None
    """The hours of training."""


class ResourcesSpec(Section):
    """What one task takes beside one CPU thread."""

    gpus: NotNegative = 0.0
    """GPUs of one task, or a share of one."""


FEWEST_FRESH_REPLICATES = 10
"""With five the interval of a mean is 1.7 times as wide, and a seed that fails once in ten times is
missed in six studies of ten."""


class ConfirmSpec(Section):
    """How many of the best trials are trained again after the search, with the baseline, each on so
    many fresh replicates: with seeds and splits that chose nothing."""

    trials: Count = 3
    """How many of the best trials."""
    replicates: Annotated[int, Field(ge=FEWEST_FRESH_REPLICATES, strict=True)] = 10
    """On how many fresh replicates each."""


class StudySpec(Section):
    """One search: a data set, a search space, a budget, an objective. confirm None: what it finds
    is not confirmed."""

    name: Name
    """What the study is called: 1 to 200 characters without slashes and control characters."""
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    """What all random numbers follow from."""
    data: DataSpec
    """The examples and their splits."""
    search: SearchSpec = SearchSpec()
    """The search space."""
    training: TrainingSpec = TrainingSpec()
    """What all trials share."""
    baseline: tuple[Mapping[str, Any], ...] = ()
    """Configurations that are trained before any search, as mappings of hyperparameters."""
    objective: tuple[Objective, ...] = (Objective.VALIDATION_ACCURACY,)
    """What the search optimizes, one or several: never a test quantity."""
    sampler: Sampler = Sampler.TPE
    """How the next configurations are chosen."""
    pruner: Pruner = Pruner.NONE
    """How trials without promise are ended before their last epoch."""
    budget: BudgetSpec = BudgetSpec()
    """When the study ends."""
    confirm: ConfirmSpec | None = None
    """Train the best trials again on fresh replicates; none: do not."""
    resources: ResourcesSpec = ResourcesSpec()
    """What one task takes."""
    claims: tuple[Claim, ...] = ()
    """What the study is to judge: see below."""

    @field_validator("objective", mode="before")
    @classmethod
    def _objectives(cls, given: Any, info: ValidationInfo) -> Any:
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list | tuple):
            return given
        if not listed:
            raise ValueError("the list is empty; give at least one objective")
        for objective in listed:
            if isinstance(objective, str) and ("test" in objective or "general" in objective):
                raise ValueError(
                    f"found {objective!r}, a test quantity; the test set never steers a search, "
                    f"give one of: {', '.join(Objective)}"
                )
        return listed

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if len(self.objective) > 1:
            if self.pruner is not Pruner.NONE:
                raise ValueError(f"pruner {self.pruner.value!r} needs a single objective; use none")
            if self.sampler.single_objective_only:
                raise ValueError(
                    f"sampler {self.sampler.value!r} needs a single objective; use nsga2"
                )
        if len(set(self.objective)) < len(self.objective):
            raise ValueError("objective: the same quantity is listed twice")
        return self

    def dimensions(self) -> dict[str, Any]:
        """For every hyperparameter its fixed value, its tuple of levels or its Range."""
        shared = self.training.hyperparameters()
        dimensions = {}
        for name in HYPERPARAMETERS:
            searched = getattr(self.search, name)
            default = shared.get(name, getattr(DEFAULTS, name))
            dimensions[name] = default if searched is None else searched
        return dimensions

    def document(self) -> dict[str, Any]:
        """The specification as plain JSON values, every default written out."""
        return self.model_dump(mode="json")

    def sha256(self) -> str:
        """What makes two specifications the same search: see identity."""
        text = json.dumps(identity(self.document()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a specification's document that may not change between launches.

    A budget may grow, and a file may move: the data themselves are compared by their hash, and how
    their columns are read is written down with the study, not in what is launched. Claims
    are judged and trials confirmed after the search, which that does not change.
    """
    changeable = ("budget", "name", "claims", "confirm")
    moved = ("source", "test", "sha256", "test_sha256", "columns")
    kept = {key: value for key, value in document.items() if key not in changeable}
    kept["data"] = {k: v for k, v in document["data"].items() if k not in moved}
    return kept
