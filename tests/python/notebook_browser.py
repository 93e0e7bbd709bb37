"""A JupyterLab of its own, and a notebook in a headless browser."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "browser"))

from browser import Browser, find_chromium  # noqa: E402

_QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}


def chromium_is_there() -> bool:
    """Where it is required, its absence is a failure."""
    assert find_chromium() or os.environ.get("COUNTEM_REQUIRE_BROWSER") != "1", "there is no Chromium here"
    return bool(find_chromium())


def drag_slowly(browser: Browser, begin: tuple[float, float], end: tuple[float, float], between: Callable[[], object]) -> None:
    """Drags in steps with something done between them."""
    browser.move(*begin)
    browser.mouse("mousePressed", *begin, button="left", buttons=1, clickCount=1)
    for step in range(1, 7):
        browser.mouse("mouseMoved", *(a + step / 6 * (b - a) for a, b in zip(begin, end)), button="left", buttons=1)
        browser.settle()
        between()
    browser.mouse("mouseReleased", *end, button="left", clickCount=1)
    browser.settle()


class JupyterLab:
    """A server on a free port that keeps everything in `folder`. Use it as a context."""

    def __init__(self, folder: pathlib.Path, notebook: list[str]) -> None:
        self.folder = folder
        cells = [{"cell_type": "code", "execution_count": None, "id": f"cell{i}", "metadata": {}, "outputs": [], "source": text} for i, text in enumerate(notebook)]
        kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        (folder / "view.ipynb").write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(_QUIET))

    def __enter__(self) -> "JupyterLab":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        own = {f"JUPYTER_{kind}_DIR": str(self.folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
        self.log = (self.folder / "server.log").open("w")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
             "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={self.folder}", f"--LabApp.user_settings_dir={self.folder / 'settings'}"],
            env=os.environ | own | {"HOME": str(self.folder), "IPYTHONDIR": str(self.folder / "ipython")}, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
                return self
            except (urllib.error.URLError, OSError):
                if self.server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"JupyterLab did not start:\n{(self.folder / 'server.log').read_text()[-3000:]}") from None
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self.server.terminate()
        self.server.wait(20)
        self.log.close()

    def open_notebook(self, browser: Browser) -> None:
        """Shows the notebook alone and runs all of it."""
        browser.visit(f"{self.address}/doc/tree/view.ipynb")
        wait(browser, "window.jupyterapp && window.jupyterapp.shell.currentWidget?.context?.isReady")
        wait(browser, "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
        browser.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")

    def theme(self, browser: Browser, name: str) -> None:
        browser.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {json.dumps(name)}}}).then(() => true)")
        wait(browser, f"document.body.dataset.jpThemeName === {json.dumps(name)}")
        time.sleep(0.5)


def wait(browser: Browser, condition: str, seconds: float = 60) -> None:
    """Until a condition of the page holds."""
    until = time.monotonic() + seconds
    while not browser.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < until, f"{condition} does not hold after {seconds} s; the page complains: {browser.complaints}"
        time.sleep(0.1)
