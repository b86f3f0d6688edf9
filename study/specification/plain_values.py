"""Values as YAML has them: what a Python program gives for them, and how a message shows them."""

import math
import os
from collections.abc import Mapping
from typing import Any

from study.specification.yaml_reader import MOST_VALUES


def plain(given: Any) -> Any:
    """What a Python program gives, with plain values in place of NumPy's numbers and arrays, paths
    and ranges; everything else, and a range longer than a specification may be, stays as it is."""
    import numpy as np

    if isinstance(given, range) and len(given[: MOST_VALUES + 1]) <= MOST_VALUES:
        return list(given)
    match given:
        case np.generic() | np.ndarray():
            return given.tolist()
        case os.PathLike():
            return os.fsdecode(given)
        case Mapping():
            return {key: plain(value) for key, value in given.items()}
        case list() | tuple():
            return [plain(value) for value in given]
    return given


def as_yaml(value: object) -> str:
    """A value on one line as YAML has it: true, null, .inf; text in quotation marks."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case list() | tuple():
            return f"[{', '.join(map(as_yaml, value))}]"
        case Mapping():
            pairs = (f"{_key(key)}: {as_yaml(one)}" for key, one in value.items())
            return f"{{{', '.join(pairs)}}}"
    return repr(value)


def _key(key: object) -> str:
    return key if isinstance(key, str) else as_yaml(key)
