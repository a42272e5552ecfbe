def test_the_stage_writes_the_captions_of_its_row(run, tmp_path):
    for stage in ("synthesize", "graph", "caption"):
        done = run(stage, "vg", is_process=stage == "caption")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "caption.parquet").is_file()
    assert "0.00% of them cut short" in done.stderr


def test_a_wrong_value_in_a_row_is_one_clear_line(run):
    done = run("caption", "typo")
    assert done.returncode == 1
    assert "key 'max_attributes'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_table_names_the_stage_that_makes_it(run):
    done = run("caption", "vg")
    assert (done.returncode, done.stderr) == (1, "error: graph.parquet: no such table; run `dvc repro graph`\n")
