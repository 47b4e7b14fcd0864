"""Requests as traces and metrics of OpenTelemetry, for whoever takes OTLP: one engine, a row a vendor."""
