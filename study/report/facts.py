"""How the study was run, for whoever wants to run it again."""

from study.analysis import Measurements

SHOWN_FAILURES = 5


def how_it_was_run(measurements: Measurements) -> dict[str, str]:
    """Label and text of every fact."""
    run, specification = measurements.run, measurements.specification
    results = measurements.results
    states = results["state"].value_counts()
    copies = int(results["duplicate_of"].notna().sum())
    training = specification["training"]
    splits = measurements.splits
    facts = {
        "data": f"{specification['data']['source']}, SHA-256 {run.data_sha256}",
        "examples": (
            f"{splits['train_examples'].iloc[0]} train, {len(splits['validation_index'].iloc[0])} "
            f"validation, {len(splits['test_index'].iloc[0])} test"
        ),
        "most frequent class": f"{splits['majority_test_accuracy'].mean():.3f} of the test set",
        "sampler": specification["sampler"],
        "pruner": specification["pruner"],
        "objective": ", ".join(specification["objective"]),
        "training": f"{training['epochs']} epochs, {training['replicates']} replicates",
        "trials": ", ".join(f"{count} {str(state).lower()}" for state, count in states.items())
        + (f", of which {copies} are copies" if copies else ""),
        "seed": str(run.seed),
        "diverged networks": str(int(results["diverged"].sum())),
        "training time": f"{results['seconds'].sum():.0f} s of one core",
        "versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
        "environment": "; ".join(sorted(results["fingerprint"].dropna().astype(str).unique())),
        "created": f"{run.created_at:%Y-%m-%d %H:%M} UTC",
        "specification": f"SHA-256 {run.specification_sha256}",
    }
    return {label: text for label, text in facts.items() if text}


def failures(measurements: Measurements) -> list[str]:
    """Why trials failed, the most frequent reason first."""
    reasons = measurements.results["error"].dropna().astype(str).value_counts()
    return [f"{count} × {reason}" for reason, count in reasons.head(SHOWN_FAILURES).items()]
