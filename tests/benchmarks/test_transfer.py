"""The seen-unseen program: against a dense CP-SAT model (goal 20 x), and 5,000 x 20,000 (goals 8 s + 2 s, 1 GB)."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ortools.sat.python import cp_model
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.transfer import program
from pipeline.transfer.relatedness import Floats, candidates, relatedness, unit_rows

ROOT = Path(__file__).parents[2]
NUM_NEIGHBOURS, RHO, THETA = 30, 5, 0.9

STRESS = """
import json, resource, time
import numpy as np
from pipeline.transfer import program
from pipeline.transfer.relatedness import candidates
from tests.benchmarks.test_transfer import clustered

unseen_UD, seen_SD = clustered(5_000, 1), clustered(20_000, 2)
start = time.perf_counter()
found = candidates(unseen_UD, seen_SD, num_neighbours=20)
built = time.perf_counter()
solution = program.solve(found, found.distinct(0.9), rho=5, cap="both")
solved = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"build_seconds": built - start, "solve_seconds": solved - built, "peak_gigabytes": peak,
                  "status": solution.status, "proof": solution.proof, "num_pairs": len(found.unseen_E)}))
"""


def clustered(num: int, seed: int) -> Floats:
    """Unit vectors in 300 dimensions around 400 common centres, as words gather around topics."""
    centres_CD = np.random.default_rng(0).standard_normal((400, 300))
    random = np.random.default_rng(seed)
    rows = centres_CD[random.integers(0, 400, num)] + 0.7 * random.standard_normal((num, 300))
    return unit_rows(rows, ["row"] * num)


def ours(unseen_UD: Floats, seen_SD: Floats) -> int:
    found = candidates(unseen_UD, seen_SD, num_neighbours=NUM_NEIGHBOURS)
    solution = program.solve(found, found.distinct(THETA), rho=RHO, cap="both")
    assert solution.status == "optimal"
    return round(solution.objective * program.SCALE)


def dense(unseen_UD: Floats, seen_SD: Floats) -> int:
    """The equations as printed: a variable for every pair, constraints 2 and 3 as bounds, 4 on rows and columns."""
    m_US = relatedness(unseen_UD, seen_SD)
    found = candidates(unseen_UD, seen_SD, num_neighbours=NUM_NEIGHBOURS)
    allowed_US = np.zeros(m_US.shape, dtype=int)
    kept = found.distinct(THETA)
    allowed_US[found.unseen_E[kept], found.seen_E[kept]] = 1
    weight_US = np.rint(m_US.astype(np.float64) * program.SCALE).astype(int)
    model = cp_model.CpModel()
    a = [[model.new_bool_var("") for _ in row] for row in m_US]
    for a_S, allowed_S in zip(a, allowed_US.tolist(), strict=True):
        for variable, allowed in zip(a_S, allowed_S, strict=True):
            model.add(variable <= allowed)
        model.add(sum(a_S) <= RHO)
    for column in zip(*a, strict=True):
        model.add(sum(column) <= RHO)
    flat = [variable for a_S in a for variable in a_S]
    model.maximize(sum(w * x for w, x in zip(weight_US.ravel().tolist(), flat, strict=True)))
    solver = cp_model.CpSolver()
    assert solver.solve(model) == cp_model.OPTIMAL
    return round(solver.objective_value)


def test_the_flow_outruns_a_dense_cp_sat_model(benchmark: BenchmarkFixture) -> None:
    unseen_UD, seen_SD = clustered(200, 3), clustered(605, 4)
    start = time.perf_counter()
    expected = dense(unseen_UD, seen_SD)
    seconds = time.perf_counter() - start
    assert benchmark.pedantic(ours, (unseen_UD, seen_SD), rounds=5, warmup_rounds=1) == expected
    ratio = seconds / benchmark.stats.stats.min
    benchmark.extra_info |= {"dense_seconds": round(seconds, 2), "ratio": round(ratio, 1)}
    assert ratio >= 20


def test_five_thousand_by_twenty_thousand_is_proved_optimal(benchmark: BenchmarkFixture) -> None:
    def stress() -> dict[str, float | str]:
        done = subprocess.run([sys.executable, "-c", STRESS], cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    found = benchmark.pedantic(stress, rounds=1)
    benchmark.extra_info |= found
    assert (found["status"], found["proof"]) == ("optimal", "linear dual")
    assert found["solve_seconds"] <= 2
    assert found["peak_gigabytes"] <= 1
