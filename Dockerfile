# One image for every role: Ray head, Ray worker, coordinator, dashboard and the command line.
# docs/containers.md says how it is built, also where no registry is reachable.

# Debian or a derivative of it, with Python 3.11 or later as python3, and its venv module.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build

# The CPU build of torch; empty for the one of the package index, with CUDA.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
# Another package index, or PIP_NO_INDEX=1 and every package as a wheel in docker/wheels/. Arguments stay
# in the history of this stage, which is thrown away; still, give no password here.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_NO_INDEX

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /opt/study
WORKDIR /source

COPY docker/wheels/ /wheels/
COPY pyproject.toml constraints.txt ./
# What is pinned, before our own code: a change of ours leaves this layer as it is.
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
    && /opt/study/bin/pip install --find-links /wheels ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} \
        --constraint constraints.txt --requirement requirements.txt

COPY LICENSE README.md ./
COPY storage/ storage/
COPY study/ study/
COPY workers/ workers/
RUN /opt/study/bin/pip install --find-links /wheels --no-deps . \
    && /opt/study/bin/study --help > /dev/null \
    && /opt/study/bin/pip uninstall --quiet --yes pip \
    # Never used by a study, a third of a gigabyte: headers, tests, tools, Java and a library for games.
    && cd /opt/study/lib/python3*/site-packages \
    && rm -rf torch/include torch/test ray/jars ray/rllib pyarrow/include pyarrow/tests \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && find . -type d -name tests -path '*/sklearn/*' -prune -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 study workers storage


FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="overfit-study" \
      org.opencontainers.image.licenses="MIT"

# The number is fixed, so that folders of the host can be given to it.
RUN groupadd --gid 10001 study \
    && useradd --uid 10001 --gid 10001 --create-home --home-dir /home/study --shell /usr/sbin/nologin study \
    && install --directory --owner study --group study /work

COPY --from=build /opt/study /opt/study
COPY docker/study-container /usr/local/bin/

ENV PATH=/opt/study/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAY_USAGE_STATS_ENABLED=0

USER study
WORKDIR /work

# Every role has its own answer; a command of `study` has none and passes.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["study-container", "healthy"]

ENTRYPOINT ["study-container"]
CMD ["--help"]
