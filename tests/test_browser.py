"""The browser that tests use sees what is wrong with a page."""

import pytest

from tests.browser import findings

GOOD = "<!doctype html><html lang=en><title>t</title><main><h1>A page</h1><p>Some words.</p></main></html>"


def test_axe_finds_a_picture_without_words_and_nothing_in_a_good_page(page):
    page.set_content(GOOD)
    assert findings(page) == []
    page.set_content(GOOD.replace("Some words.", "<img src='data:,'>"))
    [found] = findings(page)
    assert found.startswith("image-alt: ")
    assert "<img" in found


def test_what_the_console_shows_as_an_error_fails_the_test(pytester_page, browser):
    with pytest.raises(AssertionError, match="a fault of the page"):
        pytester_page("<script>throw new Error('a fault of the page')</script>")
    with pytest.raises(AssertionError, match="told as an error"):
        pytester_page("<script>console.error('told as an error')</script>")
    pytester_page("<script>console.log('told in passing')</script>")


@pytest.fixture
def pytester_page(browser):
    """Shows a text on a page of its own, from its opening to its end."""
    from tests import browser as made

    def show(text):
        steps = made.page.__wrapped__(browser)
        next(steps).set_content(text)
        next(steps, None)

    return show
