import json

import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import answers


def read(tmp_path, *lines, raw=None):
    text = (
        raw if raw is not None else "".join((json.dumps(one) if isinstance(one, dict) else one) + "\n" for one in lines)
    )
    (tmp_path / "a.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    return answers.read(tmp_path / "a.jsonl")


def test_answers_come_back_by_id_in_the_order_of_the_file(tmp_path):
    found = read(tmp_path, {"id": "b", "answer": "two\u2028lines", "tokens": 7}, "", {"answer": " x ", "id": "a"})
    assert list(found.items()) == [("b", "two\u2028lines"), ("a", " x ")]


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path):
    raw = b'\xef\xbb\xbf{"id": "a", "answer": "x"}\r\n{"id": "b", "answer": "y"}\r\n'
    assert read(tmp_path, raw=raw) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected {.*} as JSON"),
        ({"id": "b"}, "line 2: expected .*missing required field `answer`"),
        ({"id": 7, "answer": "x"}, "line 2: expected .*`str`, got `int`"),
        ({"id": "a", "answer": "y"}, "line 2: 'a' is answered twice"),
        ({"id": "b", "answer": " \n"}, "line 2: the answer to 'b' is empty"),
        ({"id": "b", "answer": "x" * 4001}, "line 2: the answer to 'b' has 4001 characters, at most 4000"),
    ],
)
def test_a_faulty_answer_is_one_clear_line(tmp_path, line, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, {"id": "a", "answer": "x"}, line)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no such file; expected answers in JSON Lines"):
        answers.read(tmp_path / "gone.jsonl")
