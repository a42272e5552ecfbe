from pathlib import Path

import pytest
from PIL import Image

from pipeline.compute.shared import Compute
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import folder_digest
from pipeline.core.params import parse
from pipeline.formats import action_genome as ag
from pipeline.formats import visual_genome as vg
from pipeline.graphs.corpora import action_genome as ag_corpus
from pipeline.graphs.corpora import visual_genome as vg_corpus
from pipeline.steps.synthesize import Row, synthesize
from pipeline.world import scenes
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld

INLINE = Compute(engine="inline", num_workers=1)
VG = VisualGenomeWorld(kind="visual_genome", seed=0, images=6, width=96, height=72)
AG = ActionGenomeWorld(kind="action_genome", seed=0, videos=3, frames=5, width=96, height=72)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("worlds")
    synthesize(VG, INLINE, row="vg", out=root / "vg", page=root / "pages" / "vg")
    synthesize(AG, INLINE, row="ag", out=root / "ag", page=root / "pages" / "ag")
    return root / "vg", root / "ag"


def test_the_demo_visual_genome_is_read_without_a_fault(folders):
    with vg.opened(folders[0]) as images:
        readings = list(vg_corpus.readings(images))
    assert [(made.reason, made.faults) for made in readings] == [(None, [])] * VG.images
    for made in readings:
        with Image.open(folders[0] / made.image) as picture:
            assert picture.size == (made.graph.width, made.graph.height) == (VG.width, VG.height)


def test_its_graphs_are_the_scenes_and_true(folders):
    with vg.opened(folders[0]) as images:
        for number in range(1, VG.images + 1):
            made = scenes.scene(VG.seed, number, VG.width, VG.height)
            graph = vg_corpus.reading(images, number).graph
            assert [thing.names[0] for thing in graph.objects] == [thing.noun for thing in made.things]
            assert [thing.attributes for thing in graph.objects] == [thing.words for thing in made.things]
            told = {(e.subject % 100, e.predicate, e.object % 100) for e in graph.relations}
            assert told == set(scenes.told_relations(made))
            assert all(scenes.holds(made.things[s], p, made.things[o]) for s, p, o in told)


def test_what_is_told_of_a_colour_is_painted(folders):
    for number in range(1, VG.images + 1):
        made = scenes.scene(VG.seed, number, VG.width, VG.height)
        with Image.open(folders[0] / f"VG_100K/{number}.png") as picture:
            colours = {colour for _, colour in picture.convert("RGB").getcolors(VG.width * VG.height)}
        assert {scenes.COLOURS[thing.colour] for thing in made.things if thing.colour} <= colours


def test_the_demo_action_genome_is_read_and_says_what_is_done(folders):
    frames = ag.Annotations(folders[1])
    readings = [ag_corpus.reading(frames, key) for key in frames.frame_keys()]
    assert len(readings) == AG.videos * AG.frames
    assert [made.reason for made in readings] == [None] * len(readings)
    said = {edge.predicate for made in readings for edge in made.graph.relations}
    assert {"drinking from", "looking at", "not contacting"} <= said
    assert all((folders[1] / made.image).is_file() for made in readings)


def test_worlds_are_the_same_twice_and_another_seed_makes_another(tmp_path, folders):
    for world, folder in ((VG, folders[0]), (AG, folders[1])):
        synthesize(world, INLINE, row="again", out=tmp_path / "again", page=tmp_path / "pages" / "again")
        assert folder_digest(tmp_path / "again") == folder_digest(folder)
        synthesize(
            world.model_copy(update={"seed": 1}),
            INLINE,
            row="other",
            out=tmp_path / "other",
            page=tmp_path / "pages" / "other",
        )
        assert folder_digest(tmp_path / "other") != folder_digest(folder)


def test_one_more_image_or_video_leaves_the_others_as_they_were(tmp_path, folders):
    synthesize(
        VG.model_copy(update={"images": 7}), INLINE, row="more", out=tmp_path / "more", page=tmp_path / "pages" / "more"
    )
    assert (tmp_path / "more/VG_100K/6.png").read_bytes() == (folders[0] / "VG_100K/6.png").read_bytes()


def test_a_row_is_the_world_of_its_kind_and_nothing_else():
    assert parse(Row, VG.model_dump(), "synthesize.rows.x").root == VG
    with pytest.raises(ParamsError, match="expected tags: 'bodies', 'visual_genome', 'action_genome'"):
        parse(Row, {"kind": "dreams"}, "synthesize.rows.x")
