"""A real browser, driven by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/.

It speaks over two pipes, JSON messages with a NUL behind each, so there is no port that somebody else could use.
"""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 30.0  # seconds that it may take to do one thing; loaded machines are slow
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # which root cannot have, and containers seldom
    "--no-first-run",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",  # the tests make their own certificates
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it meets nobody but the tests
)


class Chromium:
    """One process with a profile of its own; it ends with its context."""

    def __init__(self, program: str, folder: Path) -> None:
        its_input, self._output = os.pipe()
        self._input, its_output = os.pipe()
        # it reads from descriptor 3 and writes to 4, which only a shell can hand on under those numbers
        pipes = f'exec "$0" "$@" 3<&{its_input} 4>&{its_output}'
        with (folder / "chromium.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["/bin/bash", "-c", pipes, program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
                pass_fds=(its_input, its_output),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(its_input)
        os.close(its_output)
        self._left = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.call("Browser.close")
            self.process.wait(timeout=10)
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self._output)
        os.close(self._input)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask for something and return the answer. Events that come meanwhile are kept."""
        self._last += 1
        asked = {"id": self._last, "method": method, "params": params}
        os.write(self._output, json.dumps(asked | ({"sessionId": session} if session else {})).encode() + b"\0")
        answer = self._until(lambda message: message.get("id") == self._last)
        assert "error" not in answer, (method, answer["error"])
        found: dict[str, Any] = answer["result"]
        return found

    def wait(self, method: str, session: str) -> None:
        """Wait for an event, which may have come already."""
        wanted = (method, session)
        if not any((one.get("method"), one.get("sessionId")) == wanted for one in self.events):
            self._until(lambda message: (message.get("method"), message.get("sessionId")) == wanted)

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            *messages, self._left = self._left.split(b"\0")
            found = None
            for message in map(json.loads, messages):
                if found is None and wanted(message):
                    found = message
                if "id" not in message:
                    self.events.append(message)
            if found is not None:
                return found
            ready, _, _ = select.select([self._input], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser did not answer in time"
            data = os.read(self._input, 1 << 16)
            assert data, "the browser ended"
            self._left += data

    @contextmanager
    def visit(self) -> "Iterator[Page]":
        """Open a page with cookies of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable", session)
        yield Page(self, session)
        self.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """One page, in front of which somebody sits."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def open(self, url: str) -> None:
        """Go to an address, as if somebody had typed it; returns when what it led to is there."""

        def go() -> None:
            went = self._browser.call("Page.navigate", self._session, url=url)
            assert "errorText" not in went, went

        self._leave(go)

    def act(self, script: str) -> None:
        """Do in the page what leads to another one: press a button, follow a link."""
        self._leave(lambda: self.run(script))

    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, which the page itself evaluates."""
        told = self._browser.call(
            "Runtime.evaluate",
            self._session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def fetch(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Have a script of the page ask for something; return status and text."""
        asked = (
            f"fetch({json.dumps(path)}, {{method: {json.dumps(method)}}}).then(async a => [a.status, await a.text()])"
        )
        status, text = self.run(asked)
        return status, text

    @property
    def address(self) -> str:
        found: str = self.run("location.href")
        return found

    @property
    def text(self) -> str:
        found: str = self.run("document.body.innerText")
        return found

    def cookies(self) -> dict[str, dict[str, Any]]:
        """Return the cookies of all sites, by name, as the browser keeps them."""
        found = self._browser.call("Network.getAllCookies", self._session)["cookies"]
        return {cookie["name"]: cookie for cookie in found}

    def _leave(self, act: Callable[[], object]) -> None:
        self._browser.events.clear()
        act()
        self._browser.wait("Page.loadEventFired", self._session)
