"""Restarts that the parent of the native edge does not even try, or cannot."""

import os
import signal
import sys

import pytest

from tianji.edge.options import ServeOptions
from tianji.edge.processes.parent import Server


@pytest.fixture
def serving():
    server = Server("native", lambda control: None, ServeOptions(host="127.0.0.1", port=0))
    server._step = server._serve
    yield server
    server._listeners.close()


def test_the_first_process_of_a_container_is_not_replaced(serving, monkeypatch, caplog):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    serving._heed(signal.SIGUSR2)
    assert "its container would end with it" in caplog.text
    assert serving._successor is None


def test_an_interpreter_that_is_gone_is_told(serving, monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    serving._heed(signal.SIGUSR2)
    assert "the new one could not be started: [Errno 2]" in caplog.text
    assert serving._successor is None


def test_nothing_is_restarted_before_it_serves(serving, caplog):
    serving._step = serving._start
    serving._heed(signal.SIGUSR2)
    assert "no restart now" in caplog.text
