"""A first specification of a table, for a person to change."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def first_specification(
    name: str,
    data: Path,
    folder: Path,
    fields: Mapping[str, str],
    drop: Sequence[str],
    summary: Sequence[str],
) -> str:
    """YAML text of a study of a table, to lie in folder. fields are further ones of `data`, such as
    target; summary are the lines that say how the table is read."""
    paths = {"source": str(data), **{k: v for k, v in fields.items() if k == "test"}}
    section = {key: os.path.relpath(path, folder) for key, path in paths.items()}
    section |= {key: value for key, value in fields.items() if key != "test"}
    lines = [f"  {key}: {_text(value)}" for key, value in section.items()]
    if drop:
        lines.append(f"  drop: [{', '.join(map(_text, drop))}]")
    comments = "\n".join(f"#   {line}" for line in summary)
    return f"""# How the table is read (study check says it again):
{comments}
name: {_text(name)}
data:
{chr(10).join(lines)}
search:                       # a value is fixed, a list is a choice, low and high are a range
  depth: {{low: 1, high: 4}}
  width: [16, 32, 64]
  activation: [relu, tanh]
  dropout: {{low: 0.0, high: 0.5}}
  learning_rate: {{low: 1.0e-4, high: 1.0e-1, log: true}}
  weight_decay: {{low: 1.0e-6, high: 1.0e-2, log: true}}
training: {{epochs: 30, replicates: 5}}
sampler: tpe                  # random or grid for effects of every hyperparameter
budget: {{trials: 50}}
confirm: {{trials: 3, replicates: 10}}
"""


def _text(value: str) -> str:
    """A text as YAML reads it back."""
    return json.dumps(value, ensure_ascii=False)
