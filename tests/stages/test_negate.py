def test_the_stage_writes_the_negatives_and_the_page_of_its_row(run, tmp_path):
    for stage in ("synthesize", "graph", "caption", "negate"):
        done = run(stage, "vg", is_process=stage == "negate")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "negate.parquet").is_file()
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["page.json", "swap_roles-1.png"]


def test_a_rule_that_is_none_is_one_clear_line(run, tmp_path):
    for stage in ("synthesize", "graph", "caption"):
        run(stage, "vg")
    done = run("negate", "unknown")
    assert done.returncode == 1
    assert "no 'telepathy' in pipeline/text/negatives: the negatives are ['exchange_attributes'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "negate.parquet").exists()
