"""What a private training step costs, as ratios to the same step without privacy.

Ours and Opacus' two engines take turns with the plain step, so that a busy machine slows all of
them; a ratio is the median of the ratios of neighbours in time. Memory is what three steps add to a
fresh process, model and libraries apart. Where there is a GPU, the same runs there, with the memory
that torch's allocator counts. The batch is fixed: drawing and reading records is not in it.
"""

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.harness import Bench, Goal, run
from benchmarks.worlds.stepping import MODES, Take
from benchmarks.worlds.workloads import WORKLOADS

_ROOT = Path(__file__).parents[1]
_PLAIN, _OURS = "without privacy", "ours"
_ROUNDS = 15
_QUICK_ROUNDS = 100
_QUICK = 0.05
_SLOW_ROUNDS = 3
_SLOW = 2.0
_TIME = (1.3, 1.1, 1.1, 1.3, 1.4, 1.5, 5.0)
_MEMORY = {"BERT 4×256, all weights, batch 32": 1.5}
_LIBRARIES = ("torch", "opacus", "transformers", "peft")


def measure(bench: Bench) -> None:
    """Every workload in every mode, on one thread of the CPU, then on a GPU."""
    torch.set_num_threads(1)
    for name, goal in zip(WORKLOADS, _TIME, strict=True):
        _measure_time(bench, name, torch.device("cpu"), Goal("ratio", "<=", goal))
        _measure_memory(bench, name)
    if torch.cuda.is_available():
        for name in WORKLOADS:
            _measure_time(bench, name, torch.device("cuda"), None)
            _measure_gpu_memory(bench, name)


def _measure_time(bench: Bench, name: str, device: torch.device, goal: Goal | None) -> None:
    steps = {mode: _ready(name, mode, device) for mode in MODES}
    for mode, step in steps.items():
        if step is None:
            bench.row(f"{_placed(name, device)}: {mode}", "time", "ms a step", ours=None)
    running = {mode: step for mode, step in steps.items() if step is not None}
    times = _alternated(running, device)
    for mode in running:
        if mode != _PLAIN:
            pairs = zip(times[mode], times[_PLAIN], strict=False)
            ratio = statistics.median(ours / plain for ours, plain in pairs)
            plain = statistics.median(times[_PLAIN])
            bench.row(
                f"{_placed(name, device)}: {mode}",
                "time",
                "ms a step",
                ours=1e3 * ratio * plain,
                peer=1e3 * plain,
                peer_name=_PLAIN,
                goal=goal if mode == _OURS else None,
            )


def _alternated(steps: dict[str, Take], device: torch.device) -> dict[str, list[float]]:
    """Seconds of each step, the modes taking turns; those that are very slow take fewer."""
    first = {mode: _seconds(step, device) for mode, step in steps.items()}
    times: dict[str, list[float]] = {mode: [] for mode in steps}
    quick = first[_PLAIN] < _QUICK
    for turn in range(_QUICK_ROUNDS if quick else _ROUNDS):
        for mode, step in steps.items():
            if turn < _SLOW_ROUNDS or first[mode] < (_QUICK if quick else _SLOW):
                times[mode].append(_seconds(step, device))
    return times


def _ready(name: str, mode: str, device: torch.device) -> Take | None:
    """The step after a first try; None where the library cannot do this model."""
    torch.manual_seed(0)
    step = MODES[mode](WORKLOADS[name](), device)
    try:
        step()
    except (NotImplementedError, AttributeError, RuntimeError) as refusal:
        if mode in (_PLAIN, _OURS):
            raise
        print(f"{name}: {mode} cannot: {str(refusal).splitlines()[0][:90]}", file=sys.stderr)
        return None
    return step


def _seconds(step: Take, device: torch.device) -> float:
    _settle(device)
    start = time.perf_counter()
    step()
    _settle(device)
    return time.perf_counter() - start


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _measure_memory(bench: Bench, name: str) -> None:
    _memory_rows(bench, name, "cpu", lambda mode: _grown_mb(name, mode))


def _grown_mb(name: str, mode: str) -> float | None:
    command = [sys.executable, "-m", "benchmarks.worlds.stepping", name, mode]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def _measure_gpu_memory(bench: Bench, name: str) -> None:
    _memory_rows(bench, name, "cuda", lambda mode: _allocated_mb(name, mode))


def _allocated_mb(name: str, mode: str) -> float | None:
    gc.collect()
    torch.cuda.empty_cache()
    step = _ready(name, mode, torch.device("cuda"))
    if step is None:
        return None
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _memory_rows(bench: Bench, name: str, device: str, used: Callable[[str], float | None]) -> None:
    plain = used(_PLAIN)
    for mode in MODES:
        if mode != _PLAIN:
            limit = _MEMORY.get(name) if device == "cpu" and mode == _OURS else None
            bench.row(
                f"{name} ({device}): {mode}",
                "memory",
                "MB a step",
                ours=used(mode),
                peer=plain,
                peer_name=_PLAIN,
                goal=None if limit is None else Goal("ratio", "<=", limit),
            )


def _placed(name: str, device: torch.device) -> str:
    return f"{name} ({device.type})"


if __name__ == "__main__":
    run("Private training steps", measure, libraries=_LIBRARIES)
