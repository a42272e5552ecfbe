from fractions import Fraction

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.sources import schedule
from pipeline.sources.schedule import Amounts

CLIPS = np.arange(100, 300)  # pairs 100 to 299 are frames of videos


def planned(num_pairs=400, num_texts=700, batch_size=40, clip_batch_size=10, texts_per_graph="4", video_share=0.0):
    return schedule.plan(
        Amounts(
            num_pairs=num_pairs,
            num_clips=len(CLIPS) if num_pairs else 0,
            num_texts=num_texts,
            batch_size=batch_size,
            clip_batch_size=clip_batch_size,
            texts_per_graph=Fraction(texts_per_graph),
            video_share=video_share,
        )
    )


def kinds(rows, num_pairs):
    return (rows < num_pairs).sum(), ((rows >= num_pairs) & (rows < 2 * num_pairs)).sum(), (rows >= 2 * num_pairs).sum()


def test_an_epoch_shows_every_graph_pair_once_and_mixes_the_ratio_exactly():
    steps = schedule.steps(planned(), CLIPS, 0, 0)
    assert len(steps) == 50
    assert all(kinds(rows, 400) == (8, 0, 32) for rows in steps)
    assert all((rows[:8] < 400).all() for rows in steps)
    shown = np.concatenate([rows[:8] for rows in steps])
    assert sorted(shown.tolist()) == list(range(400))


@pytest.mark.parametrize("ratio", ["5/2", "3/10", "0", "7"])
def test_a_ratio_that_fits_no_step_is_exact_over_the_epoch(ratio):
    steps = schedule.steps(planned(texts_per_graph=ratio), CLIPS, 0, 0)
    graphs, _, texts = np.sum([kinds(rows, 400) for rows in steps], axis=0)
    assert all(len(rows) == 40 for rows in steps)
    assert abs(texts - float(Fraction(ratio)) * graphs) <= 1 + float(Fraction(ratio))
    assert max(kinds(rows, 400)[0] for rows in steps) - min(kinds(rows, 400)[0] for rows in steps) <= 1


def test_the_video_share_is_exact_and_a_pair_is_a_clip_or_a_picture():
    plan = planned(video_share=0.2)
    steps = schedule.steps(plan, CLIPS, 5, 1)
    video = [rows for rows in steps if (rows >= 400).all() and (rows < 800).all()]
    assert len(video) == plan.num_video_steps == round(0.2 * len(steps))
    assert {len(rows) for rows in video} == {10}
    clips = np.concatenate(video) - 400
    assert set(clips) <= set(CLIPS.tolist())
    pictures = np.concatenate([rows[rows < 400] for rows in steps])
    both = [*clips.tolist(), *pictures.tolist()]
    assert len(set(both)) == len(both) > 390
    assert [len(rows) == 10 for rows in steps] != sorted((len(rows) == 10 for rows in steps), reverse=True)


def test_all_video_is_one_pass_over_the_frames_of_videos():
    steps = schedule.steps(planned(video_share=1.0), CLIPS, 0, 0)
    assert sorted((np.concatenate(steps) - 400).tolist()) == CLIPS.tolist()


def test_shard_samples_go_on_where_the_epoch_before_stopped():
    plan = planned(num_texts=900)  # an epoch takes 1,600
    taken = np.concatenate(
        [rows[rows >= 800] - 800 for epoch in range(9) for rows in schedule.steps(plan, CLIPS, 0, epoch)]
    )
    assert len(taken) == 16 * 900
    for number in range(16):
        assert sorted(taken[number * 900 : (number + 1) * 900].tolist()) == list(range(900))
    assert taken[:900].tolist() != taken[900:1800].tolist()


def test_without_graph_pairs_an_epoch_is_one_pass_over_the_shards():
    plan = planned(num_pairs=0, num_texts=130)
    epochs = [schedule.steps(plan, CLIPS[:0], 0, epoch) for epoch in range(2)]
    for steps in epochs:
        assert [len(rows) for rows in steps] == [40, 40, 40]
        assert len(set(np.concatenate(steps).tolist())) == 120
    assert not np.array_equal(*map(np.concatenate, epochs))


def test_the_order_is_a_function_of_seed_and_epoch():
    plan = planned(video_share=0.2)
    made = {
        (seed, epoch): [rows.tolist() for rows in schedule.steps(plan, CLIPS, seed, epoch)]
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len({str(value) for value in made.values()}) == 4
    assert made[1, 1] == [rows.tolist() for rows in schedule.steps(plan, CLIPS, 1, 1)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"video_share": 0.9}, "lower it or clip_batch_size"),
        ({"num_texts": 0}, "no shard samples to mix in"),
        ({"num_pairs": 0, "num_texts": 39}, "39 shard samples are left to train on, one step needs 40"),
        ({"num_pairs": 7, "video_share": 0.0}, "7 graph pairs are left to train on, one step needs 8"),
    ],
)
def test_too_little_of_anything_is_one_line(changes, reason):
    with pytest.raises(DataError, match=reason):
        planned(**changes)
