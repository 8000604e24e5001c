"""The pictures that the README shows."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt

plt.rcParams |= {"svg.hashsalt": "counterseal", "svg.fonttype": "none", "font.family": "sans-serif"}


def draw_bodies(rounds: list[dict[str, float]], path: Path) -> None:
    """Draw the rate of each kind of body beside hashing alone, one dot a round and the median as a bar."""
    figure, axes = plt.subplots(figsize=(7, 2.6))
    for place, name in enumerate(reversed(rounds[0])):
        rates = [one[name] for one in rounds]
        median = statistics.median(rates)
        axes.barh(place, median, height=0.55, color="#4c72b0")
        axes.plot(rates, [place] * len(rates), "o", color="black", markersize=2.5, alpha=0.6)
        axes.text(max(rates) + 0.03, place, f"{name}: {median:.2f}", va="center", fontsize=9)
    axes.axvline(1, color="#9aa5b1")
    axes.axvline(0.7, color="#9aa5b1", linestyle=":")
    axes.set_yticks([])
    axes.set_xlabel(f"rate beside hashlib.sha256 alone (bars: median of {len(rounds)} interleaved rounds; dotted: the bound)")
    axes.set_xlim(0, max(max(one.values()) for one in rounds) * 1.6)
    _finish(figure, axes, path)


def draw(rounds: list[dict[str, float]], path: Path) -> None:
    """Draw CPU per call, one dot a round and the median as a bar."""
    names = {"null": "null handler", "warm": "Verify, warm", "bearer": "Verify of a bearer token, warm", "cold": "Verify, cold"}
    figure, axes = plt.subplots(figsize=(7, 3.1))
    null = statistics.median(one["null"] for one in rounds)
    for place, (name, label) in enumerate(reversed(names.items())):
        costs = [one[name] for one in rounds]
        median = statistics.median(costs)
        axes.barh(place, median, height=0.55, color="#4c72b0" if name != "null" else "#9aa5b1")
        axes.plot(costs, [place] * len(costs), "o", color="black", markersize=2.5, alpha=0.6)
        ratio = statistics.median(one[name] / one["null"] for one in rounds)
        axes.text(max(costs) + null * 0.03, place, f"{label}: {median:.0f} us, {ratio:.2f}x", va="center", fontsize=9)
    axes.set_yticks([])
    axes.set_xlabel(f"CPU of the server per call, microseconds (bars: median of {len(rounds)} interleaved rounds)")
    axes.set_xlim(0, max(one["cold"] for one in rounds) * 1.55)
    _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
