from pipeline.core.near_names import hint


def test_a_name_like_a_known_one_is_asked_about() -> None:
    assert hint("Utd_mhda", ["ntu60", "utd_mhad"]) == " (did you mean 'utd_mhad'?)"
    assert hint("kitchen", ["ntu60", "utd_mhad"]) == ""
    assert hint(3, []) == ""
