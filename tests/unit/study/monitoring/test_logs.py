"""What the logs of a process do with what others say."""

import json
import subprocess
import sys

PRELUDE = """
import logging, sys, warnings
from study.monitoring.logs import configure_logs, log_of
configure_logs("json")
"""


def logged(program: str) -> list[dict[str, object]]:
    """The lines of a process that runs the program after having set up its logs."""
    ran = subprocess.run(
        [sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, check=False
    )
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_a_password_in_a_message_of_a_library_is_masked():
    (line,) = logged("logging.getLogger('lib').error('no %s', 'postgresql://me:secret@host/db')")
    assert line["event"] == "no postgresql://me:***@host/db"
    assert line["logger"] == "lib"


def test_a_password_in_a_traceback_is_masked():
    (line,) = logged("raise RuntimeError('postgresql://me:secret@host/db')")
    assert line["level"] == "critical"
    assert "RuntimeError: postgresql://me:***@host/db" in str(line["exception"])


def test_a_warning_is_a_line():
    (line,) = logged("warnings.warn('beware')")
    assert line["level"] == "warning"
    assert "beware" in str(line["event"])


def test_what_optuna_says_during_a_study_is_a_line():
    lines = logged(
        "from study.monitoring.logs import StudyLog\n"
        "with StudyLog('digits'):\n"
        "    import optuna\n"
        "    optuna.logging.get_logger('optuna').warning('beware')\n"
    )
    assert [(line["logger"], line["event"]) for line in lines] == [("optuna", "beware")]
