"""make fuzz: damaged files for every reader, for some minutes; FUZZ_SECONDS, FUZZ_SEED, FUZZ_TARGET, FUZZ_CASE.

Each target runs in a process of its own, which is ended where a case hangs or crashes it; the files of a finding are
kept below .cache/fuzz, with what was found and the command that shows it again.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import cases
from tests.fuzz.cases import Finding
from tests.fuzz.targets import TARGETS

KEPT = Path(".cache/fuzz")
_MAX_FINDINGS = 5  # of one target; more of them are seldom more faults


@dataclass(frozen=True)
class Outcome:
    """How far a worker came, and what it has found."""

    next_case: int
    finding: Finding | None


def work(target: str, seed: int, first: int, until: float, progress: Path) -> int:
    """Run cases until a time, or until one is a finding; the number of the case in hand stands in `progress`."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as scratch:
        files = cases.sample(target, Path(scratch) / "sample")
        case = first
        while time.time() < until:
            progress.write_text(str(case))
            if finding := cases.run(target, files, seed, case, Path(scratch) / "case"):
                print(finding.what)
                return 1
            case += 1
        progress.write_text(str(case))
    return 0


def watched(target: str, seed: int, first: int, until: float) -> Outcome:
    """Run a worker; one that dies, or stays with a case, has found something."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as scratch:
        progress = Path(scratch) / "case"
        progress.write_text(str(first))
        command = [sys.executable, "-m", "tests.fuzz.run", target, str(seed), str(first), str(until), str(progress)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as worker:
            what = _wait(worker, progress)
            said = worker.stdout.read().strip() if worker.stdout else ""
        case = int(progress.read_text() or first)
    if what is None and worker.returncode == 0:
        return Outcome(case, None)
    if what is None:
        what = said or f"ended by {signal.Signals(-worker.returncode).name}"
    return Outcome(case + 1, Finding(target, seed, case, what))


def _wait(worker: "subprocess.Popen[str]", progress: Path) -> str | None:
    """Wait for a worker; kill it where one case takes three times what its own alarm allows."""
    seen, since = "", time.time()
    while worker.poll() is None:
        time.sleep(0.05)
        now = progress.read_text()
        if now != seen:
            seen, since = now, time.time()
        if time.time() - since > 3 * cases.SECONDS + 10:  # with the start of the worker
            worker.kill()
            return "hangs where no signal ends it"
    return None


def keep(finding: Finding) -> Path:
    """Make the files of a finding again, below .cache/fuzz."""
    folder = KEPT / f"{finding.target}-{finding.seed}-{finding.case}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = cases.sample(finding.target, folder / "sample")
    cases.write(finding.target, files, finding.seed, finding.case, folder / "raw")
    (folder / "finding.txt").write_text(f"{finding}\n")
    return folder


def hunt(target: str, seed: int, seconds: float) -> list[Finding]:
    """Feed one target for so long; prints how many cases that were."""
    found: list[Finding] = []
    case, until = 0, time.time() + seconds
    while time.time() < until and len(found) < _MAX_FINDINGS:
        outcome = watched(target, seed, case, until)
        case = outcome.next_case
        if outcome.finding:
            found.append(outcome.finding)
            print(f"FOUND {outcome.finding}\n  files: {keep(outcome.finding)}", flush=True)
    print(f"{target}: {case} cases, {len(found)} findings", flush=True)
    return found


def main() -> int:
    """Hunt through all targets, or one; or show one case again."""
    seed, only = int(os.environ.get("FUZZ_SEED") or 0), os.environ.get("FUZZ_TARGET")
    if only and only not in TARGETS:
        print(f"FUZZ_TARGET={only}: no such target, only {', '.join(TARGETS)}")
        return 1
    if os.environ.get("FUZZ_CASE"):
        case = int(os.environ["FUZZ_CASE"])
        finding = Finding(only or "", seed, case, "")
        what = cases.fault(only or "", keep(finding) / "raw")
        print(what or "a sound value, or one clear line")
        return int(what is not None)
    targets = [only] if only else list(TARGETS)
    seconds = float(os.environ.get("FUZZ_SECONDS") or 300) / len(targets)
    found = [finding for target in targets for finding in hunt(target, seed, seconds)]
    return int(bool(found))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])))
    sys.exit(main())
