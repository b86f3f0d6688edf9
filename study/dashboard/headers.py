"""What browsers are told about every answer."""

from collections.abc import Iterable

Headers = list[tuple[str, str]]

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

_FRAMES = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
NOTHING = f"default-src 'none'; {_FRAMES}"
"""For answers that are no pages."""

OURS = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_FRAMES}"
"""For our pages without a script."""

# Optuna's pages evaluate one thing: the shaders of parallel coordinates are generated as code. They
# set styles inline, and draw pictures from blobs.
OPTUNA = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; {_FRAMES}"
)


def drawing(scripts: Iterable[str]) -> str:
    """For a page that holds these scripts, given by their SHA-256 in base64, and needs no other."""
    sources = " ".join(f"'sha256-{script}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; {_FRAMES}"
    )


def secured(path: str, given: Headers) -> Headers:
    """An answer's headers, with what protects it. Our own pages name their policy themselves."""
    kept = {name.title(): (name, text) for name, text in given}
    policy = kept.get("Content-Security-Policy", ("", NOTHING))[1]
    if path == "/dashboard" or path.startswith("/dashboard/"):
        policy = OPTUNA
    # What is static may be kept, and is asked for anew: it has an ETag.
    cache = "private, no-cache" if path.startswith("/static/") else "no-store"
    ours = (*_ALWAYS, ("Content-Security-Policy", policy), ("Cache-Control", cache))
    replaced = {name for name, _ in ours} | {"Access-Control-Allow-Origin", "Server"}
    others = [(name, text) for name, text in given if name.title() not in replaced]
    return [*others, *ours]
