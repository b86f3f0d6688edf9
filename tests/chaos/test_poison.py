"""A trial that takes more memory than there is fails alone, and says so."""

import subprocess
import sys
from pathlib import Path

from storage.reading.frames import load_results
from tests.chaos.studies import Study

POISON = 9
# One matrix of the large network is drawn from 2 GB of random numbers, which its worker may not
# take; a machine that allowed it would have to give 6.
SPEC = f"""\
name: chaos
data: {{source: wine}}
search:
  depth: 2
  width: [16, 16000]
  learning_rate: {{low: 1e-3, high: 1e-1, log: true}}
training: {{epochs: 20, replicates: 3}}
sampler: random
baseline: [{", ".join(f"{{width: {16000 if n == POISON else 16}}}" for n in range(12))}]
budget: {{trials: 12}}
"""


def test_a_trial_for_which_memory_is_too_small_fails_alone_with_its_reason(tmp_path, cluster):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study(
        *(tmp_path, url, "--ray", cluster.address), spec=SPEC, **cluster.member_environment()
    )
    study.finish()
    results = load_results("chaos", url).set_index("trial")
    assert list(results.index[results["state"] == "FAIL"]) == [POISON]
    assert set(results["state"].drop(POISON)) == {"COMPLETE"}
    assert results["width"][POISON] == 16000
    reason = results["error"][POISON]
    assert reason.startswith("out of memory: ")
    assert "allocate" in reason
    # It did not stand alone from the beginning.
    failed = [event for event in study.events("cohort failed") if event["remedy"] == "split"]
    assert len(failed[0]["trials"]) > 1
    assert POISON in failed[0]["trials"]
    assert [event["trial"] for event in study.events("trial failed")] == [POISON]
    shown = subprocess.run(
        [Path(sys.executable).parent / "study", "status", "chaos", "--storage", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"1 × {reason}"[:60] in " ".join(shown.stdout.split())
