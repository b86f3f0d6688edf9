"""A program that has a Ray session trains in it, and has it and its objects afterwards."""

import subprocess
import sys

PROGRAM = """
import os, ray
from study import StudyError, launch

spec = {"name": "small", "data": {"source": "wine"}, "search": {"depth": [1, 2]},
        "training": {"epochs": 1, "replicates": 1}, "sampler": "grid"}
ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
kept, before = ray.put(42), dict(os.environ)
assert launch(spec, storage="sqlite:///study.db", cluster="local").complete == 2
try:
    launch({**spec, "name": "other"}, storage="sqlite:///study.db", cluster="203.0.113.1:6379")
except StudyError as error:
    print(error)
assert ray.get(kept, timeout=10) == 42 and dict(os.environ) == before
ray.shutdown()
launch({**spec, "name": "own"}, storage="sqlite:///study.db", cluster="local")
assert not ray.is_initialized() and os.environ.keys() <= before.keys()
"""


def test_its_session_is_used_and_stays(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "this program has a Ray session already, at " in ran.stdout
    assert "for the one at 203.0.113.1:6379 call ray.shutdown() first" in ran.stdout
