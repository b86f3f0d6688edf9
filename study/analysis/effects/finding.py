"""A table, and whether it states effects or only describes."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Finding:
    """descriptive: the trials were chosen adaptively, so the table describes them and no more.
    r_squared: of the model that the table is from, out of bag; None where there is no model."""

    table: pd.DataFrame
    descriptive: bool = False
    r_squared: float | None = None
