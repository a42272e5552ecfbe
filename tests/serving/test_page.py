"""The page in Chromium: what a person does with it, by mouse and by keyboard, wide and narrow, light and dark."""

import re
import time

import pytest

from tests.browser import findings
from tests.recognition.toy import NAMES, files
from tests.serving.test_app import LAYOUT, array

SECONDS = 120_000  # milliseconds; the encoders load on a busy machine


@pytest.fixture
def opened(page, address):
    """The page once its encoders are loaded."""
    page.set_default_timeout(SECONDS)
    page.goto(address)
    done(page)
    return page


def until(page, told, value=None):
    """Wait for what a script says; the page's policy does not let playwright's own waiting put a script into it."""
    deadline = time.monotonic() + SECONDS / 1000
    while not page.evaluate(told, value):
        assert time.monotonic() < deadline, told
        page.wait_for_timeout(50)


def done(page):
    until(page, "document.getElementById('status').textContent === 'Done.'")


def labels(page):
    return page.locator("#ranked tbody th").all_text_contents()


def pixels(page):
    return page.evaluate("document.getElementById('motion').toDataURL()")


def test_a_skeleton_is_dropped_and_labels_are_ranked_beside_it_moving(opened, place):
    path = files(place, "skeleton")[0]
    held = opened.evaluate_handle(
        """([name, text]) => {
            const held = new DataTransfer();
            held.items.add(new File([text], name));
            return held;
        }""",
        [path.name, path.read_text()],
    )
    opened.dispatch_event("#drop", "drop", {"dataTransfer": held})
    opened.wait_for_selector("#shown:not([hidden])")
    assert opened.text_content("#name") == path.name
    assert opened.input_value("#sense") == "skeleton"
    done(opened)
    opened.fill("#labels", "drink water, wave hand, <b>sit</b>")
    opened.click("#rank button")
    opened.wait_for_selector("#ranked:not([hidden])")
    done(opened)
    assert sorted(labels(opened)) == ["<b>sit</b>", "drink water", "wave hand"]
    shares = [float(told.split()[0]) for told in opened.locator("#ranked td:nth-child(3)").all_text_contents()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.3)
    before = pixels(opened)
    until(opened, "before => document.getElementById('motion').toDataURL() !== before", before)
    opened.click("#pause")
    before = pixels(opened)
    opened.wait_for_timeout(400)
    assert pixels(opened) == before
    assert opened.get_attribute("#pause", "aria-pressed") == "true"
    assert findings(opened) == []


def test_frames_are_one_clip_and_the_sense_follows_their_names(opened, place):
    opened.set_input_files("#file", sorted(files(place, "depth")[1].iterdir()))
    opened.wait_for_selector("#shown:not([hidden])")
    assert opened.text_content("#name") == "5 frames"
    assert opened.input_value("#sense") == "depth"
    opened.fill("#clip", "A001")
    until(opened, "document.getElementById('num-clips').textContent === '1 clips of depth have this in their name.'")


def test_an_array_and_its_layout_are_one_clip_and_the_page_says_what_it_takes(opened, tmp_path):
    opened.select_option("#sense", "skeleton")
    told = opened.text_content("#endings")
    assert told.startswith("Read for this sense: .json, .mat, .skeleton, .txt")
    assert told.endswith("an array (.npy, .npz, .csv, .json) together with its layout.yaml.")
    (tmp_path / "layout.yaml").write_bytes(LAYOUT)
    (tmp_path / "mine.npy").write_bytes(array())
    opened.set_input_files("#file", [tmp_path / "layout.yaml", tmp_path / "mine.npy"])
    opened.wait_for_selector("#shown:not([hidden])")
    assert opened.text_content("#name") == "mine.npy"
    assert opened.input_value("#sense") == "skeleton"


def test_words_find_clips_of_every_sense_and_one_of_them_is_taken(opened):
    opened.fill("#words", "someone drinks")
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#found li")
    done(opened)
    told = opened.locator("#found li small").all_text_contents()
    assert len(told) == 12
    assert {one.split(",")[0] for one in told} == {"skeleton", "depth", "thermal", "hub"}
    cosines = [float(re.search(r"cosine (-?[\d.]+)", one)[1]) for one in told]
    assert cosines == sorted(cosines, reverse=True)
    assert findings(opened) == []
    opened.check("#among input[value=skeleton]")
    opened.click("#search .buttons button:first-child")
    until(opened, "document.querySelectorAll('#found li').length === 3")
    done(opened)
    opened.click("#found li:first-child button")
    opened.wait_for_selector("#shown:not([hidden])")
    done(opened)
    taken = opened.text_content("#name")
    assert taken in {f"demo/{name}" for name in NAMES}
    opened.click("#like")
    until(opened, "document.getElementById('found-title').textContent.startsWith('Near to demo/')")
    done(opened)
    assert opened.text_content("#found li:first-child span") == taken
    assert "cosine 1.000" in opened.text_content("#found li:first-child small")


def test_a_clip_of_the_pipeline_is_picked_by_keyboard_alone(opened):
    opened.focus("#sense")
    opened.keyboard.type("skel")
    opened.keyboard.press("Tab")  # to the file
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.id") == "clip"
    opened.keyboard.type("a002")
    until(opened, "document.getElementById('clips').options.length === 1")
    opened.fill("#clip", opened.evaluate("document.getElementById('clips').options[0].value"))
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#motion:not([hidden])")
    assert opened.text_content("#name") == f"demo/{NAMES[1]}"


def test_a_mistake_is_told_on_the_page_and_the_page_goes_on(browser, address, place, tmp_path):
    (tmp_path / "<img src=x>.skeleton").write_text("no numbers")
    context = browser.new_context()  # its console says that requests were refused
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.goto(address)
    done(page)
    page.click("#rank button")
    assert page.text_content("#fault").startswith("choose a clip first")
    page.click("#like")
    assert page.text_content("#fault").startswith("choose a clip first")
    page.set_input_files("#file", tmp_path / "<img src=x>.skeleton")
    until(page, "document.getElementById('fault').textContent.includes('.skeleton')")
    assert "<img src=x>.skeleton" in page.text_content("#fault")
    assert page.locator("main img").count() == 0
    assert findings(page) == []
    page.set_input_files("#file", files(place, "skeleton")[0])
    page.wait_for_selector("#shown:not([hidden])")
    assert page.text_content("#fault") == ""
    page.click("#rank button")
    until(page, "document.getElementById('fault').textContent.startsWith('labels: no labels')")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_cut_off_and_axe_finds_nothing(opened, place, scheme, width):
    opened.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    opened.set_viewport_size({"width": width, "height": 800})
    opened.set_input_files("#file", files(place, "skeleton")[0])
    opened.wait_for_selector("#shown:not([hidden])")
    done(opened)
    opened.fill("#labels", "a label of so many words that they need a second line on any phone\nwave hand")
    opened.click("#rank button")
    opened.wait_for_selector("#ranked:not([hidden])")
    done(opened)
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert findings(opened) == []


def test_pictures_stand_still_for_those_who_ask_for_it(page, address):
    page.emulate_media(reduced_motion="reduce")
    page.goto(address)
    until(page, "document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
    done(page)
