"""Answering HTTP requests in tests."""

from wsgiref.simple_server import WSGIRequestHandler


class QuietHandler(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""
