"""A browser for tests: Chromium without a window, and axe's findings. Without Chromium these tests skip, with a reason.

While `browser` is open its thread has a running event loop: a test that needs one of its own starts a thread.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TOLD = "axe.run().then(told => told.violations.map(one => [one.id, one.help, one.nodes.map(node => node.html)]))"
_MAX_SHOWN = 3  # elements of a finding


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests of a process."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM} on this machine: pages were not looked at in a browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_OPTIONS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page, which shares nothing with others. The test fails at its end if the console showed an error."""
    context = browser.new_context()
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors, "the browser's console showed:\n" + "\n".join(errors)


def findings(page: Page) -> list[str]:
    """What axe holds against the page as it is now, a line for each rule that it breaks."""
    page.evaluate(AXE_SCRIPT)
    return [
        f"{rule}: {told}: {len(elements)} elements, such as {' '.join(elements[:_MAX_SHOWN])}"
        for rule, told, elements in page.evaluate(_TOLD)
    ]
