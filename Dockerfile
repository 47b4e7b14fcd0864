# syntax=docker/dockerfile:1
# Stage one compiles a wheel; stage two holds that wheel and what it needs, and no compiler.
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --no-install-recommends -y gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE constraints.txt ./
COPY examples/quickstart.yaml examples/
COPY ext ext
COPY src src
RUN --mount=type=cache,target=/pip-cache \
    PIP_CACHE_DIR=/pip-cache pip wheel -c constraints.txt --wheel-dir /wheels '.[guardrails,http2,otel,rules]'

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /var/lib/tianji --create-home --shell /usr/sbin/nologin tianji
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --root-user-action ignore --no-index --find-links /wheels 'tianji[guardrails,http2,otel,rules]' \
    && python -c "import tianji.app, tianji.edge.granian, tianji.edge.native, tianji.egress.http2"
# by number: Kubernetes cannot tell whether a name is root, and refuses it where runAsNonRoot is set
USER 10001:10001
WORKDIR /var/lib/tianji
ENV TIANJI_DATA_DIR=/var/lib/tianji PYTHONUNBUFFERED=1
EXPOSE 4000
# of the command below: whoever serves on another port or over TLS says --health-cmd
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=2)"]
ENTRYPOINT ["tianji"]
CMD ["serve", "--config", "/etc/tianji/config.yaml", "--host", "0.0.0.0", "--port", "4000"]
