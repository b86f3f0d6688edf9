"""Whether a study that is in the database may go on with what was launched now."""

from collections.abc import Mapping
from typing import Any

from storage.runs import StudyRun
from study.errors import InvalidInput
from study.plan import Plan
from study.spec import identity


def check_same_study(run: StudyRun, plan: Plan) -> None:
    """Refuse a launch that would mix two searches under one name.

    Raises:
        InvalidInput: naming the first field that differs, or the data.
    """
    name = plan.spec.name
    if run.data_sha256 != plan.dataset.sha256:
        raise InvalidInput(
            f"study {name!r} was begun with other data (SHA-256 {run.data_sha256[:12]}…, now "
            f"{plan.dataset.sha256[:12]}…); give the same data, or another name with --name"
        )
    difference = first_difference(identity(run.specification), identity(plan.spec.document()))
    if difference is not None:
        field, before, now = difference
        raise InvalidInput(
            f"study {name!r} was begun with {field} = {_shown(before)}, found {_shown(now)}; "
            "only its budget may change: use that value, or another name with --name"
        )


def first_difference(before: Any, now: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """The first place, dotted, where two documents differ, with both values; None: nowhere."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            found = first_difference(before.get(key), now.get(key), inner)
            if found is not None:
                return found
        return None
    return None if before == now else (path, before, now)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}"
    return str(value)
