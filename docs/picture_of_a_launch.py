"""Draw docs/launch.svg from a finished study: python docs/picture_of_a_launch.py sqlite:///study.db

What the terminal shows at the end of `study launch`, from the results in the database.
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from study import load_results
from study.analysis.trials import best_trials, varying_hyperparameters
from study.cli.tables import as_table
from study.monitoring.console import panel
from study.monitoring.progress import BestTrial, Snapshot
from study.specification.files import read_specification


def main(storage: str) -> None:
    spec = read_specification("digits")
    results = load_results(spec.name, storage)
    best = best_trials(results, spec)
    first = best.iloc[0]
    seconds = (results["finished_at"].max() - results["started_at"].min()).total_seconds()
    console = Console(record=True, width=136, file=io.StringIO(), highlight=False)
    console.print("$ study launch", style="bold")
    console.print(
        panel(
            Snapshot(
                study=spec.name,
                complete=len(results),
                pruned=0,
                failed=0,
                running=0,
                total=len(results),
                best=BestTrial(
                    first["trial"],
                    {
                        name: first[name]
                        for name in ("validation_accuracy", "test_accuracy", "generalization_gap")
                    },
                ),
                trials_per_second=len(results) / seconds,
                seconds_left=None,
            )
        )
    )
    varying = varying_hyperparameters(results)
    title = f"Best of {len(results)} trials by {spec.objective[0].value}"
    console.print(as_table(best, title, varying=varying, width=console.width))
    target = Path(__file__).with_name("launch.svg")
    # Without the fonts that Rich would fetch from a server: the viewer has one of its own.
    drawing = re.sub(
        r"@font-face \{.*?\}", "", console.export_svg(title="study launch"), flags=re.S
    )
    target.write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
