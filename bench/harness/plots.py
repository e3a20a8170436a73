"""Plots of the results: bars with whiskers for each workload, a curve over the workers, and the holds over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.figures import Entrant, Results
from harness.workload import Workload

_OWN, _OTHER = "#1b6ca8", "#a9b4bd"
#: The widest spread of bars that a linear axis shows: beyond it the small ones vanish.
_LINEAR = 30.0


def draw(results: Results, workloads: dict[str, Workload], out: Path) -> list[Path]:
    """Write an SVG and a PNG for each workload that has figures; returns the files. None without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    files: list[Path] = []
    for name in results.workloads():
        figure = _workers(plt, results) if name == "workers" else _bars(plt, results, workloads[name])
        files += _save(plt, figure, out / name)
        if name in ("holds", "loop"):
            files += _save(plt, _over_time(plt, results, name), out / f"{name}-over-time")
    return files


def _bars(plt: Any, results: Results, workload: Workload) -> Any:
    """A panel for each metric, a bar for each entrant: the median, with whiskers to the lowest and the highest."""
    panels = [m for m in results.metrics(workload.name) if _bars_of(results, workload.name, m)]
    if not panels or workload.name == "cost":
        return None
    longest = max(len(_bars_of(results, workload.name, metric)) for metric in panels)
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9, len(panels) * (1.0 + 0.38 * longest)), squeeze=False, layout="constrained"
    )
    for axis, metric in zip(axes[:, 0], panels, strict=True):
        bars = _bars_of(results, workload.name, metric)
        middles = [s.median for _, s in bars]
        reach = [[s.median - s.low for _, s in bars], [s.high - s.median for _, s in bars]]
        colours = [_OWN if e.system == "opsloop" else _OTHER for e, _ in bars]
        axis.barh([str(e) for e, _ in bars], middles, xerr=reach, color=colours, capsize=3, ecolor="#333333")
        axis.invert_yaxis()
        if max(middles) > _LINEAR * min(middles):
            axis.set_xscale("log")
        better = "more" if workload.higher_is_better else "less"
        axis.set_xlabel(f"{metric}, {bars[0][1].unit} ({better} is better)")
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(workload.measures, fontsize=10)
    return figure


def _bars_of(results: Results, workload: str, metric: str) -> list[tuple[Entrant, Any]]:
    """Entrants with their summaries; none when all are zero, such as counts of deadlocks."""
    found = [(e, s) for e in results.entrants(workload) if (s := results.summary(workload, metric, e))]
    return found if any(s.median > 0 for _, s in found) else []


def _workers(plt: Any, results: Results) -> Any:
    """Rate over the number of workers, with the band between the lowest and the highest."""
    points = [(int(e.variant), s) for e, s in _bars_of(results, "workers", "rate")]
    if not points:
        return None
    figure, axis = plt.subplots(figsize=(9, 4.5), layout="constrained")
    numbers = [number for number, _ in points]
    axis.plot(numbers, [s.median for _, s in points], marker="o", color=_OWN)
    axis.fill_between(numbers, [s.low for _, s in points], [s.high for _, s in points], color=_OWN, alpha=0.2)
    axis.set_xscale("log", base=2)
    axis.set_xticks(numbers, [str(number) for number in numbers])
    axis.set_ylim(bottom=0)
    axis.set_xlabel("worker processes")
    axis.set_ylabel("steps/s")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _over_time(plt: Any, results: Results, workload: str) -> Any:
    """What was completed in each second, of the last round that has it."""
    lines = {
        record.entrant: record.details["per_second"]
        for record in results.records
        if record.workload == workload and record.details.get("per_second")
    }
    if not lines:
        return None
    figure, axis = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for entrant, per_second in lines.items():
        axis.plot(range(1, len(per_second) + 1), per_second, label=entrant.variant)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("seconds since the hold began")
    axis.set_ylabel("completed in the second")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _save(plt: Any, figure: Any, path: Path) -> list[Path]:
    if figure is None:
        return []
    files = [path.with_suffix(suffix) for suffix in (".svg", ".png")]
    for file in files:
        figure.savefig(file, dpi=120)
    plt.close(figure)
    return files
