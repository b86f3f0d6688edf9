"""Ports of this machine: one that nobody listens on, and one that is to be listened on soon."""

import socket
import time
import urllib.error
import urllib.request

import pytest


def free_port() -> int:
    """One on 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_answer(url: str, seconds: float = 60.0) -> None:
    """Until something answers a GET there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing answered at {url} for {seconds:g} s")
