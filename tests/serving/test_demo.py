"""The page over the bound encoders of a finished checkout, in Chromium: a skeleton is ranked, words find clips."""

import pytest

from tests.serving.conftest import served
from tests.serving.test_page import done

pytestmark = pytest.mark.world


def test_the_page_answers_on_a_finished_checkout(checkout, page):
    clip = next((checkout.folder / "data/synthesize/demo").glob("*.skeleton"))
    with served(checkout.folder) as (_, address):
        page.set_default_timeout(180_000)
        page.goto(address)
        done(page)
        page.fill("#labels", "drink water, wave a hand, sit down")
        page.set_input_files("#file", clip)
        page.wait_for_selector("#ranked:not([hidden])")
        assert page.text_content("#name") == clip.name
        assert sorted(page.locator("#ranked tbody th").all_text_contents()) == [
            "drink water",
            "sit down",
            "wave a hand",
        ]
        page.fill("#words", "someone drinks water")
        page.click("#search .buttons button:first-child")
        page.wait_for_selector("#found li")
        done(page)
        found = page.locator("#found li")
        assert found.count() == 12
        assert found.first.locator("canvas").count() == 1  # preprocess has left its arrays
