"""The exact slate optimiser against a top-K alone, on a shared catalogue."""

from typing import Any

import processes
from speeds.common import MODES, Section, Settings

from recsim_tf.tables import text_table

_SIZES = {
    False: {"users": 1024, "num_candidates": 10_000, "slate_size": 10, "calls": 9},
    True: {"users": 2, "num_candidates": 20, "slate_size": 3, "calls": 1},
}
_DOCUMENTS = ("one_hot", "dense")


def measure(settings: Settings) -> Section:
    """`exact_vs_topk` is the larger over the kinds of documents, of the execution in which the
    exact slates take less time.
    """
    sizes = _SIZES[settings.quick]
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("documents", "mode", "exact, ms", "top-K, ms", "ratio", "rounds")]
    ratios = []
    for documents in _DOCUMENTS:
        found = {}
        for mode, xla in MODES.items():
            task = {**sizes, "documents": documents, "xla": xla}
            found[mode] = processes.run_worker("speeds.slates_worker", task, True)
            exact, top_k = (
                1e3 * found[mode][f"{name}_cpu_seconds_per_call"] for name in ("exact", "top_k")
            )
            figures[f"exact_vs_topk/{documents}/{mode}"] = exact / top_k
            ratio, rounds = f"{exact / top_k:.2f}", f"{found[mode]['mean_rounds']:.1f}"
            rows.append((documents, mode, f"{exact:.1f}", f"{top_k:.1f}", ratio, rounds))
        details[documents] = found
        fastest = min(found, key=lambda mode: found[mode]["exact_cpu_seconds_per_call"])
        ratios.append(figures[f"exact_vs_topk/{documents}/{fastest}"])
    figures["exact_vs_topk"] = max(ratios)
    title = (
        f"Exact slates against top-K alone, {sizes['slate_size']} of"
        f" {sizes['num_candidates']:,}, {sizes['users']:,} users, one core"
    )
    return Section(figures, details, [title, *text_table(rows, left=(0, 1)).splitlines()])
