"""The compiled hot paths. Sources are in ext/tianji/_core; import the modules by name."""

try:
    import tianji._core.edges.exchange  # noqa: F401 - one probe speaks for all
except ModuleNotFoundError as _missing:
    if (_missing.name or "").startswith("tianji._core."):
        raise ImportError(f"{_missing.name} is not compiled: run `make build` or `pip install -e .`") from _missing
    raise
