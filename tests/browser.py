"""A real browser for the tests of the report: Debian's chromium, headless, driven by chromedriver."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
DEADLINE_SECONDS = 60  # ends a test that would hang; what it waits for comes much sooner
OURS = ("file:", "data:", "blob:", "about:", "chrome:")


class Browser:
    """One chromium for several pages; its console and its requests are kept for the asking."""

    def __init__(self, width: int = 1440, height: int = 1000) -> None:
        self.home = tempfile.TemporaryDirectory(prefix="stackheap-browser-")
        options = Options()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
                         "--disable-background-networking", "--disable-component-update",
                         "--no-first-run", f"--user-data-dir={self.home.name}",
                         f"--window-size={width},{height}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # which chromium refuses to root, as CI runs
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_page_load_timeout(DEADLINE_SECONDS)
        self.driver.set_script_timeout(DEADLINE_SECONDS)
        self.size(width, height)

    def close(self) -> None:
        self.driver.quit()
        self.home.cleanup()

    def size(self, width: int, height: int) -> None:
        """Of the page itself; a window cannot be as narrow as a phone."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def media(self, kind: str = "", scheme: str = "light") -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": kind, "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, page: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(page.resolve().as_uri() + fragment)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, *arguments: Any) -> Any:
        return WebDriverWait(self.driver, DEADLINE_SECONDS, poll_frequency=0.05).until(
            lambda _: self.run(script, *arguments), f"never came true: {script}")

    def all_drawn(self) -> None:
        self.until("return document.documentElement.dataset.figures === 'all'")

    def logs(self) -> tuple[list[str], list[str]]:
        """Errors and warnings of the console, and addresses beyond the page's own, since last asked."""
        console = [entry["message"] for entry in self.driver.get_log("browser")
                   if entry["level"] in ("SEVERE", "WARNING")]
        requests = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        return console, [url for url in requests if not url.startswith(OURS)]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(self.driver.get_screenshot_as_png())

    def whole_page(self, path: Path) -> None:
        """All of the page, however long."""
        import base64

        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(shot["data"]))
