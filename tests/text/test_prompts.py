import pytest

from pipeline.core import hashing
from pipeline.core.errors import DataError, FormatError
from pipeline.text import captions, prompts, sources
from pipeline.text.prompts import Text

WORDED = captions.Params(max_attributes=3, max_matchings=64)

NAMES = ["wave", "clap hands", "sit, then stand"]


def read(tmp_path, text, *, encoding="utf-8"):
    file = tmp_path / "d.csv"
    file.write_bytes(text.encode(encoding))
    return sources.from_csv(file, NAMES, WORDED)


def test_a_label_is_the_name_in_its_place_in_every_template():
    assert prompts.from_templates(["now: {name}!", "{name}"], ["a{b}", "{name}"]) == [
        Text(0, "label", 0, "now: a{b}!", "template"),
        Text(0, "label", 1, "a{b}", "template"),
        Text(1, "label", 0, "now: {name}!", "template"),
        Text(1, "label", 1, "{name}", "template"),
    ]


def test_texts_of_several_sources_are_counted_on_and_keep_their_origins():
    one = [Text(0, "x", 0, "a", "ours"), Text(0, "x", 1, "b", "ours"), Text(1, "x", 0, "c", "ours")]
    other = [Text(0, "x", 0, "d", "csv:1"), Text(1, "x", 0, "e", "csv:1"), Text(1, "x", 1, "f", "csv:1")]
    found = prompts.merged([one, other], ["p", "q"], "here")
    assert [(text.class_id, text.index, text.text, text.origin) for text in found] == [
        (0, 0, "a", "ours"),
        (0, 1, "b", "ours"),
        (1, 0, "c", "ours"),
        (0, 2, "d", "csv:1"),
        (1, 1, "e", "csv:1"),
        (1, 2, "f", "csv:1"),
    ]


def test_more_texts_of_a_class_than_can_be_counted_are_refused():
    many = [Text(0, "x", index, str(index), "ours") for index in range(101)]
    assert len(prompts.merged([many[:100]], ["p"], "here")) == 100
    with pytest.raises(DataError, match="here: 101 texts of class 'p', at most 100"):
        prompts.merged([many], ["p"], "here")


def test_a_file_of_the_user_is_named_by_its_digest(tmp_path):
    found = read(tmp_path, "class_id,hands\n0,a\n1,b\n2,c\n")
    assert {text.origin for text in found} == {f"csv:{hashing.file_digest(tmp_path / 'd.csv')[:16]}"}


@pytest.mark.parametrize(
    "table",
    [
        'name,hands,legs\nwave,h0,l0\nclap hands,h1,l1\n"sit, then stand",h2,l2\n',
        "class_id,hands,legs\n0,h0,l0\n1,h1,l1\n2,h2,l2\n",
        'legs,class_id,name,hands\nl2,2,"sit, then stand",h2\nl0,0,wave,h0\nl1,1,clap hands,h1\n',
        'name,hands,legs\r\n WAVE ,h0,l0\r\nClap  Hands,h1,l1\r\n\r\n"sit, then stand",h2," l2\n"\r\n',
        '\ufeffname,hands,legs\nwave,h0,l0\nclap hands,h1,l1\n"sit, then stand",h2,l2',
    ],
)
def test_every_column_is_a_type_and_every_row_is_found_by_name_or_number(tmp_path, table):
    found = {(text.class_id, text.type, text.index): text.text for text in read(tmp_path, table)}
    assert found == {(i, kind, 0): f"{kind[0]}{i}" for i in range(3) for kind in ("hands", "legs")}


def test_several_rows_of_a_class_are_several_texts(tmp_path):
    found = read(tmp_path, "class_id,hands\n0,a\n1,b\n0,c\n2,d\n0,e\n")
    assert [(text.index, text.text) for text in found if text.class_id == 0] == [(0, "a"), (1, "c"), (2, "e")]


def test_a_column_without_any_text_is_no_type(tmp_path):
    found = read(
        tmp_path, "class_id,name,context\n0,wave,\n1,clap hands, \n2,'x',\n".replace("'x'", '"sit, then stand"')
    )
    assert found == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "should name a column 'name' or 'class_id', found \\[\\]"),
        ("class,hands\n0,a\n", "should name a column 'name' or 'class_id'"),
        ("class_id,hands,hands\n0,a,a\n", "different names"),
        ("class_id,hands,\n0,a,\n", "different names"),
        ("class_id,label\n0,a\n", "column 'label' is made from the templates; rename it"),
        ("class_id,hands\n0,a\n1\n", "line 3: 1 columns, the first line names 2"),
        ("class_id,hands\n0,a,b\n", "line 2: 3 columns"),
        ('class_id,hands\n0,"a\n', "not CSV"),
        (f"class_id,hands\n0,{'a' * 200_000}\n", "not CSV"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, table, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("class_id,hands\n0,a\n1,b\n", "no row for 1 of 3 classes, first 'sit, then stand'"),
        ("class_id,hands\n0,a\n1, \n2,c\n", "line 3: no text under 'hands' for class 'clap hands'"),
        ("name,hands\nwave,a\njump,b\n", "line 3: no class is named 'jump'"),
        ("class_id,hands\n3,a\n", "class_id should be a number from 0 to 2, found '3'"),
        ("class_id,hands\n-1,a\n", "found '-1'"),
        ("class_id,hands\n²,a\n", "found '²'"),
        ("class_id,name,hands\n1,wave,a\n", "line 2: class 1 is 'clap hands', not 'wave'"),
    ],
)
def test_classes_that_are_missing_unknown_or_without_text_are_refused(tmp_path, table, message):
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path, table)
    assert str(tmp_path / "d.csv") in str(refused.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(FormatError, match="not UTF-8"):
        read(tmp_path, "name,hands\nwäve,a\n", encoding="latin-1")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(FormatError, match=r"no such file|a folder, expected"):
            sources.from_csv(path, NAMES, WORDED)


def test_a_file_too_large_to_be_descriptions_is_refused(tmp_path):
    with (tmp_path / "d.csv").open("wb") as file:
        file.truncate(64 << 20)
    with pytest.raises(FormatError, match="larger than 16 MiB"):
        sources.from_csv(tmp_path / "d.csv", NAMES, WORDED)


def test_a_class_of_five_thousand_digits_is_refused(tmp_path):
    (tmp_path / "d.csv").write_text(f"class_id,a\n{'1' * 5000},x\n")
    with pytest.raises(DataError, match="class_id should be a number"):
        sources.from_csv(tmp_path / "d.csv", NAMES, WORDED)
