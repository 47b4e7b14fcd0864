# syntax=docker/dockerfile:1
# Stage one compiles a wheel; stage two holds that wheel and what it needs, and no compiler.
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --no-install-recommends -y gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE constraints.txt ./
COPY examples/quickstart.yaml examples/
COPY ext ext
COPY src src
RUN pip wheel --no-cache-dir -c constraints.txt --wheel-dir /wheels .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/tianji --create-home tianji
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels tianji \
    && python -c "import tianji._core.exchange"
USER tianji
WORKDIR /var/lib/tianji
ENV TIANJI_DATA_DIR=/var/lib/tianji PYTHONUNBUFFERED=1
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=2)"]
ENTRYPOINT ["tianji"]
CMD ["serve", "--config", "/etc/tianji/config.yaml", "--host", "0.0.0.0", "--port", "4000"]
