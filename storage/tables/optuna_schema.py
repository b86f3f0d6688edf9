"""Optuna's tables, as Optuna 5 makes them, declared here because its own classes are private.

A test holds them equal to what Optuna creates. We read and write their rows, make them where the
database is new, and never alter them: that is `optuna storage upgrade`'s to do.
"""

from importlib.metadata import version

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)

from storage.errors import SchemaUnknown

SCHEMA_VERSION = 12
"""What Optuna writes into version_info since it uses alembic; it never changes any more."""

ALEMBIC_REVISION = "v3.2.0.a"
"""The revision of Optuna's tables that is declared here."""

OLDER_REVISIONS = frozenset(
    {"v0.9.0.a", "v1.2.0.a", "v1.3.0.a", "v2.4.0.a", "v2.6.0.a"}
    | {"v3.0.0.a", "v3.0.0.b", "v3.0.0.c", "v3.0.0.d"}
)

metadata = MetaData()


def _trial_id(*, nullable: bool = True) -> Column[int]:
    return Column("trial_id", Integer, ForeignKey("trials.trial_id"), nullable=nullable)


def _study_id(*, nullable: bool = True, index: bool = False) -> Column[int]:
    key = ForeignKey("studies.study_id")
    return Column("study_id", Integer, key, nullable=nullable, index=index)


def _attributes(name: str, owner: str, owner_id: Column[int]) -> Table:
    return Table(
        name,
        metadata,
        Column(f"{owner}_attribute_id", Integer, primary_key=True),
        owner_id,
        Column("key", String(512)),
        Column("value_json", Text),
        UniqueConstraint(owner_id.name, "key"),
    )


studies = Table(
    "studies",
    metadata,
    Column("study_id", Integer, primary_key=True),
    Column("study_name", String(512), nullable=False, index=True, unique=True),
)

study_directions = Table(
    "study_directions",
    metadata,
    Column("study_direction_id", Integer, primary_key=True),
    Column(
        "direction", Enum("NOT_SET", "MINIMIZE", "MAXIMIZE", name="studydirection"), nullable=False
    ),
    _study_id(nullable=False),
    Column("objective", Integer, nullable=False),
    UniqueConstraint("study_id", "objective"),
)

study_user_attributes = _attributes("study_user_attributes", "study_user", _study_id())
study_system_attributes = _attributes("study_system_attributes", "study_system", _study_id())

trials = Table(
    "trials",
    metadata,
    Column("trial_id", Integer, primary_key=True),
    Column("number", Integer),
    _study_id(index=True),
    Column(
        "state",
        Enum("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING", name="trialstate"),
        nullable=False,
    ),
    # Naive UTC, to the microsecond.
    Column("datetime_start", DateTime),
    Column("datetime_complete", DateTime),
)

trial_user_attributes = _attributes("trial_user_attributes", "trial_user", _trial_id())
trial_system_attributes = _attributes("trial_system_attributes", "trial_system", _trial_id())

trial_params = Table(
    "trial_params",
    metadata,
    Column("param_id", Integer, primary_key=True),
    _trial_id(),
    Column("param_name", String(512)),
    Column("param_value", Float(precision=53)),
    Column("distribution_json", Text),
    UniqueConstraint("trial_id", "param_name"),
)

trial_values = Table(
    "trial_values",
    metadata,
    Column("trial_value_id", Integer, primary_key=True),
    _trial_id(nullable=False),
    Column("objective", Integer, nullable=False),
    Column("value", Float(precision=53)),
    Column(
        "value_type", Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype"), nullable=False
    ),
    UniqueConstraint("trial_id", "objective"),
)

trial_intermediate_values = Table(
    "trial_intermediate_values",
    metadata,
    Column("trial_intermediate_value_id", Integer, primary_key=True),
    _trial_id(nullable=False),
    Column("step", Integer, nullable=False),
    Column("intermediate_value", Float(precision=53)),
    Column(
        "intermediate_value_type",
        Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype"),
        nullable=False,
    ),
    UniqueConstraint("trial_id", "step"),
)

trial_heartbeats = Table(
    "trial_heartbeats",
    metadata,
    Column("trial_heartbeat_id", Integer, primary_key=True),
    _trial_id(nullable=False),
    Column("heartbeat", DateTime, nullable=False, default=func.current_timestamp()),
    UniqueConstraint("trial_id"),
)

version_info = Table(
    "version_info",
    metadata,
    Column("version_info_id", Integer, primary_key=True, autoincrement=False, default=1),
    Column("schema_version", Integer),
    Column("library_version", String(256)),
    CheckConstraint("version_info_id=1"),
)

alembic_version = Table(
    "alembic_version",
    MetaData(),  # alembic makes it, apart from the others
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

TRIAL_CHILDREN = (
    trial_params,
    trial_values,
    trial_user_attributes,
    trial_system_attributes,
    trial_intermediate_values,
    trial_heartbeats,
)
"""What hangs on a trial, and goes before it."""

STUDY_CHILDREN = (study_directions, study_user_attributes, study_system_attributes)
"""What hangs on a study beside its trials."""


def has_optuna(connection: Connection) -> bool:
    """Whether Optuna's tables are there, of whatever version."""
    return inspect(connection).has_table("studies")


def make_optuna_schema(connection: Connection) -> None:
    """Make Optuna's tables as Optuna would, its marks of version included; keep what is there."""
    metadata.create_all(connection)
    if connection.scalar(select(version_info.c.schema_version)) is None:
        row = {"schema_version": SCHEMA_VERSION, "library_version": version("optuna")}
        connection.execute(insert(version_info), row)
    written_by = connection.scalar(select(version_info.c.schema_version))
    if written_by == SCHEMA_VERSION and _revision(connection) is None:
        alembic_version.create(connection, checkfirst=True)
        connection.execute(insert(alembic_version), {"version_num": ALEMBIC_REVISION})


def check_optuna_schema(connection: Connection) -> None:
    """Raise SchemaUnknown unless Optuna's tables are of the version declared here."""
    revision = _revision(connection)
    if revision == ALEMBIC_REVISION:
        return
    if revision is None or revision in OLDER_REVISIONS:
        raise SchemaUnknown(
            f"Optuna's tables are of an older version ({revision or 'before 0.9'}); upgrade them "
            "with: optuna storage upgrade --storage URL"
        )
    raise SchemaUnknown(
        f"Optuna's tables are of version {revision}, newer than this program knows "
        f"({ALEMBIC_REVISION}); upgrade overfit-study with: pip install -U overfit-study"
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(alembic_version.name):
        return None
    return connection.scalar(select(alembic_version.c.version_num))
