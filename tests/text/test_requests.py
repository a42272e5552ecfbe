import json

import pytest

from pipeline.core import hashing
from pipeline.core.errors import DataError, ParamsError
from pipeline.text import captions, requests

WORDED = captions.Params(max_attributes=3, max_matchings=64)
NAMES = ["eat meal", "{wave}"]


def answered(tmp_path, kind, *told, names=NAMES, ids=None):
    ids = ids or [f"toy/{number:04d}/{kind}" for number in range(len(told))]
    lines = [json.dumps({"id": id_, "answer": answer}) + "\n" for id_, answer in zip(ids, told, strict=True)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    return requests.from_answers(tmp_path / "a.jsonl", "some-model", kind, "toy", names, WORDED)


def told(found):
    return [(text.class_id, text.index, text.text) for text in found]


def test_a_context_is_asked_for_in_the_words_of_dvta():
    first, second = requests.requests("toy", NAMES, "context")
    assert first.prompt == "Describe the context in which the eat meal occurs"
    assert second.prompt == "Describe the context in which the {wave} occurs"
    assert (first.id, first.class_id, first.class_name, first.type) == ("toy/0000/context", 0, "eat meal", "context")


@pytest.mark.parametrize("kind", requests.TEMPLATES)
def test_every_type_asks_another_question_about_every_class(kind):
    first, second = requests.requests("toy", ["eat meal", "wave"], kind)
    assert "eat meal" in first.prompt
    assert first.prompt.replace("eat meal", "wave") == second.prompt
    assert "{" not in first.prompt
    assert len(set(requests.TEMPLATES.values())) == len(requests.TEMPLATES)


def test_a_type_without_a_template_is_refused_with_those_that_have_one():
    with pytest.raises(ParamsError, match="no request for texts of type 'label'; there are body_parts, context, noun"):
        requests.requests("toy", NAMES, "label")


def test_the_sentences_of_a_paragraph_are_texts_with_model_and_digest(tmp_path):
    found = answered(tmp_path, "paragraph", "A person eats.  The hand rises to\n1.5 m.", "A hand waves!")
    assert told(found) == [(0, 0, "A person eats."), (0, 1, "The hand rises to 1.5 m."), (1, 0, "A hand waves!")]
    digest = hashing.file_digest(tmp_path / "a.jsonl")[:16]
    assert {text.origin for text in found} == {f"model:some-model:{digest}"}
    assert {text.type for text in found} == {"paragraph"}


def test_the_lines_of_synonyms_are_texts_without_their_bullets(tmp_path):
    found = answered(tmp_path, "synonym", "1. have a meal\n\n- dine", "wave a hand")
    assert told(found) == [(0, 0, "have a meal"), (0, 1, "dine"), (1, 0, "wave a hand")]


def test_a_verb_is_one_text(tmp_path):
    assert told(answered(tmp_path, "verb", " eat\n", "wave")) == [(0, 0, "eat"), (1, 0, "wave")]


def test_a_scene_graph_is_told_by_the_rule_of_captions(tmp_path):
    found = answered(tmp_path, "scene_graph", "person | holding | cup [white]", "- person | waving | hand")
    assert told(found) == [(0, 0, "A person holding a white cup."), (1, 0, "A person waving a hand.")]


def test_body_parts_are_six_lines(tmp_path):
    parts = "\n".join(f"The {part} moves." for part in requests.PARTS)
    found = answered(tmp_path, "body_parts", parts, parts)
    assert [text.text for text in found][:6] == parts.splitlines()
    with pytest.raises(DataError, match="'toy/0001/body_parts': 5 lines, expected 6: head, hand, arm, hip, leg, foot"):
        answered(tmp_path, "body_parts", parts, parts.rsplit("\n", 1)[0])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["toy/0000/context"], "no answer for 1 of 2 classes, first 'toy/0001/context'"),
        (["toy/0000/context", "toy/0002/context"], "'toy/0002/context' was not asked; expected ids such as 'toy/0000"),
        (["toy/0000/context", "toy/0001/verb"], "'toy/0001/verb' was not asked"),
        (["other/0000/context", "toy/0001/context"], "'other/0000/context' was not asked"),
    ],
)
def test_answers_missing_or_unasked_are_refused(tmp_path, ids, message):
    with pytest.raises(DataError, match=message):
        answered(tmp_path, "context", *("A person." for _ in ids), ids=ids)


def test_answers_for_a_type_that_is_not_asked_about_are_refused(tmp_path):
    with pytest.raises(ParamsError, match="no answers are read for type 'hands'; only for body_parts"):
        answered(tmp_path, "hands", "a", "b")


def test_a_line_that_is_no_relation_is_refused(tmp_path):
    with pytest.raises(DataError, match="'toy/0000/scene_graph': line 'a person eats', expected such as"):
        answered(tmp_path, "scene_graph", "a person eats", "person | waving | hand")
