def test_the_stage_writes_the_graphs_of_its_row(run, tmp_path):
    assert run("synthesize", "vg").returncode == 0
    done = run("graph", "vg", is_process=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "graph.parquet").is_file()
    assert (tmp_path / ".cache/runs/graph.jsonl").is_file()


def test_a_source_that_is_not_there_is_one_clear_line(run):
    done = run("graph", "vg")
    assert (done.returncode, done.stderr) == (1, "error: vg.stamp: no stamp; run `unseen raw scan vg`\n")


def test_a_typo_in_a_row_is_one_clear_line(run):
    done = run("graph", "typo")
    assert done.returncode == 1
    assert "unknown key 'visual_genome.region'" in done.stderr
    assert done.stderr.count("\n") == 1
