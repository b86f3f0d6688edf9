"""What stands beside a model's weights: a JSON that a program of any language can read."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from study.errors import InvalidInput
from study.models.format import FORMAT_VERSION, check_fields, what_is_wrong
from workers.columns import Column, Kind, Role
from workers.configuration import Configuration, TrainingSettings
from workers.data import Dataset, Preprocessing
from workers.tasks.classification import ClassCounts, Classification

Label = StrictBool | StrictInt | StrictStr
Count = Annotated[int, Field(ge=0, strict=True)]


class DescriptionPart(BaseModel):
    """A frozen part of the description; what is not in this format is refused.

    A field that is added has a default: what an export without it means. Those in LATER are written
    only where they are not what they are by default, so that earlier versions read what they can.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = serialize(self)
        for name in self.LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                found.pop(name, None)
        return found


class NumberFeature(DescriptionPart):
    """A column that is one number: fill where one is missing, then (number − mean) / deviation.

    missing_indicator says whether a further input is 1 where the number was missing. trained and
    indicator_trained say whether these inputs varied in training; one that did not stays 0, as its
    weights were never trained. (They are 0 as well, but where time steps share them.)

    read_as says what its values are: numbers; booleans, which are 1 and 0; dates, whose number is
    the days since origin; or durations, in seconds. no_value are words that stand for a missing
    one, beside the customary ones; lenient: numbers may have leading zeros and commas between
    groups of three digits.
    """

    kind: Literal["number"] = "number"
    name: str
    mean: float
    deviation: float
    fill: float
    missing_indicator: bool
    trained: bool = True
    indicator_trained: bool = True
    read_as: Literal["number", "boolean", "date", "duration"] = "number"
    origin: str | None = None
    no_value: tuple[str, ...] = ()
    lenient: bool = False

    LATER = frozenset({"trained", "indicator_trained", "read_as", "origin", "no_value", "lenient"})


class CategoryFeature(DescriptionPart):
    """A column of text: an input per level, which is 1 for that text.

    trained says which levels the training examples had; the input of every other one stays 0.
    other: the last level is that of every text that is not listed.
    """

    kind: Literal["category"] = "category"
    name: str
    levels: tuple[str, ...]
    trained: tuple[bool, ...]
    other: bool = False

    LATER = frozenset({"other"})

    @model_validator(mode="after")
    def _has_as_many(self) -> Self:
        if len(self.levels) != len(self.trained):
            raise ValueError("levels and trained differ in length")
        return self


class Member(DescriptionPart):
    """A network of the ensemble: the epoch whose weights it has; diverged ones have none."""

    epochs: Count
    diverged: bool


class Accuracies(DescriptionPart):
    """Shares of the examples of each side that were predicted right."""

    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float


class Replayed(DescriptionPart):
    """How the training was repeated, and what these very weights measured then.

    exact: every recorded number came out the same to the bit; else all within tolerance.
    """

    exact: bool
    tolerance: float
    measured: Accuracies


class Provenance(DescriptionPart):
    """Where a model comes from. recorded and replayed are None after --refit, whose accuracy was
    not measured; refit ones were trained on validation examples as well."""

    study: str
    trial: Count
    replicate: Count
    seed: int
    data: str
    data_sha256: str
    refit: bool
    training_examples: Count
    recorded: Accuracies | None
    replayed: Replayed | None
    recorded_fingerprint: str
    fingerprint: str
    versions: Mapping[str, str]
    exported_at: str


class Description(DescriptionPart):
    """model.json: everything that predicting needs beside the weights, and where it comes from.

    features are numbers first, then categories: the order of a network's inputs, in which the
    indicators of missing numbers stand between the two. class_counts are of the examples that were
    trained on. labels are JSON values of the kind that the target column had. ignored are columns
    of the data that were no features. missing_values are words that are no value in any column.
    array_columns is the number of columns where the features were an array, whose columns are
    called x0, x1, …; None: they were a table. Without a format_version it is the first.
    """

    format: Literal["overfit-study model"] = "overfit-study model"
    format_version: Annotated[int, Field(ge=1, le=FORMAT_VERSION, strict=True)] = 1
    target: str
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    class_counts: tuple[Count, ...]
    features: tuple[Annotated[NumberFeature | CategoryFeature, Field(discriminator="kind")], ...]
    ignored: tuple[str, ...]
    missing_values: tuple[str, ...] = ()
    array_columns: int | None = None
    configuration: Mapping[str, Any]
    training: Mapping[str, Any]
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    weights_sha256: str
    provenance: Provenance

    LATER = frozenset({"missing_values", "array_columns"})

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.labels) != len(self.class_counts) or not any(self.class_counts):
            raise ValueError("labels and class_counts do not fit")
        kinds = [feature.kind for feature in self.features]
        if kinds != sorted(kinds, reverse=True) or not kinds:
            raise ValueError("features must be numbers, then categories")
        check_fields("configuration", self.configuration, Configuration)
        check_fields("training", self.training, TrainingSettings)
        return self

    @property
    def numbers(self) -> tuple[NumberFeature, ...]:
        """The columns of numbers, in order."""
        return tuple(f for f in self.features if isinstance(f, NumberFeature))

    @property
    def categories(self) -> tuple[CategoryFeature, ...]:
        """The columns of text, in order."""
        return tuple(f for f in self.features if isinstance(f, CategoryFeature))

    def typed_configuration(self) -> Configuration:
        """The trial's hyperparameters."""
        return TypeAdapter(Configuration).validate_python(self.configuration)

    def typed_training(self) -> TrainingSettings:
        """What all trials of its study share."""
        return TypeAdapter(TrainingSettings).validate_python(self.training)

    def task(self) -> Classification:
        """What the model predicts."""
        return Classification(tuple(label_names(self.labels)))

    def target_summary(self) -> ClassCounts:
        """What is known of the target of the training examples."""
        return ClassCounts(self.class_counts)

    def preprocessing(self) -> Preprocessing:
        """The preprocessing that was fitted on the training examples."""
        numbers = self.numbers
        return Preprocessing(
            fill=tuple(f.fill for f in numbers),
            indicated=tuple(f.missing_indicator for f in numbers),
            mean=tuple(f.mean for f in numbers),
            deviation=tuple(f.deviation for f in numbers),
            shown=tuple(f.trained for f in self.categories),
            numbers_trained=tuple(f.trained for f in numbers),
            indicators_trained=tuple(f.indicator_trained for f in numbers),
        )


def describe_features(
    dataset: Dataset, preprocessing: Preprocessing
) -> tuple[NumberFeature | CategoryFeature, ...]:
    """The columns of a data set, with what was fitted to each."""
    split = len(preprocessing.fill)
    records = {column.name: column for column in dataset.columns if column.is_input}
    numbers = zip(
        dataset.names[:split],
        preprocessing.mean,
        preprocessing.deviation,
        preprocessing.fill,
        preprocessing.indicated,
        preprocessing.numbers_trained,
        preprocessing.indicators_trained,
        strict=True,
    )
    categories = zip(dataset.names[split:], dataset.levels, preprocessing.shown, strict=True)
    return (
        *(
            NumberFeature(
                name=name,
                mean=mean,
                deviation=deviation,
                fill=fill,
                missing_indicator=indicated,
                trained=trained,
                indicator_trained=indicator_trained or not indicated,
                **_read_as(records.get(name, Column(name, Kind.NUMBER))),
            )
            for name, mean, deviation, fill, indicated, trained, indicator_trained in numbers
        ),
        *(
            CategoryFeature(
                name=name,
                levels=levels,
                trained=shown,
                other=name in records and records[name].other,
            )
            for name, levels, shown in categories
        ),
    )


def _read_as(column: Column) -> dict[str, Any]:
    return {
        "read_as": column.kind.value,
        "origin": column.origin,
        "no_value": column.missing,
        "lenient": column.lenient,
    }


def record_of(description: Description) -> tuple[Column, ...]:
    """How the columns of a table are read to predict: as those of the training table were."""
    features = (
        Column(f.name, Kind.CATEGORY, levels=f.levels, other=f.other)
        if isinstance(f, CategoryFeature)
        else Column(f.name, Kind(f.read_as), origin=f.origin, missing=f.no_value, lenient=f.lenient)
        for f in description.features
    )
    return (*features, _target_record(description))


def _target_record(description: Description) -> Column:
    kinds = {bool: Kind.BOOLEAN, int: Kind.NUMBER, str: Kind.CATEGORY}
    return Column(description.target, kinds[type(description.labels[0])], Role.TARGET)


def read_description(found: object, where: str) -> Description:
    """The description in a parsed JSON.

    Raises:
        InvalidInput: it is none, or one of a newer format.
    """
    if not isinstance(found, Mapping) or found.get("format") != "overfit-study model":
        raise InvalidInput(f"{where} does not describe a model; give a folder that export wrote")
    version = found.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise InvalidInput(
            f"{where} has format version {version}, and this version of study reads up to "
            f"{FORMAT_VERSION}; upgrade it"
        )
    try:
        return Description.model_validate(found)
    except ValidationError as error:
        raise InvalidInput(what_is_wrong(error.errors(), where)) from None


def label_names(labels: Sequence[Label]) -> list[str]:
    """Labels as the product names classes everywhere else."""
    return [str(label) for label in labels]
