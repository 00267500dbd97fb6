"""What a run measured of its own error: twins that differ from themselves, anchors that drift."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

import pandas as pd

from .cells import interval_cell, interval_text, is_number, place_text, workload_link
from .folder import Folder
from .markup import Cell, Child, Markup, element, joined, paragraph, table

EXPECTED = 0.05
# What a worker's samples are compared by, and what a program's are.
TIMES = ("ns_per_op", "wall_seconds")


def share_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact bounds of a share (Clopper and Pearson, 1934): those at which k or more, and k or fewer, of
    n would each be seen with half of the remaining probability."""
    tail = (1 - confidence) / 2

    def at_most(count: int, share: float) -> float:
        # By logarithms: binomial coefficients of thousands are no floating-point numbers.
        return sum(exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(share)
                       + (n - i) * log1p(-share)) for i in range(count + 1))

    def where(count: int, probability: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(count, middle) > probability else (low, middle)
        return (low + high) / 2

    return (0.0 if k == 0 else where(k - 1, 1 - tail), 1.0 if k == n else where(k, tail))


def twins_by_time(folder: Folder) -> pd.DataFrame:
    twins = folder.tables["twins.csv"]
    for metric in TIMES:
        rows = twins[twins["metric"] == metric]
        if not rows.empty:
            return rows[rows["lower"].notna() & rows["differs"].notna()]
    return twins.iloc[:0]


def twins_sentence(folder: Folder) -> str:
    rows = twins_by_time(folder)
    if rows.empty:
        return "This run has no twins, so that it says nothing of its own false positives."
    k, n = int(rows["differs"].sum()), len(rows)
    low, high = share_interval(k, n)
    return (f"The run's own false positives: {k} of {n} twins, the same cell beside itself, differ by "
            f"{rows['metric'].iloc[0]}: {100 * k / n:.0f} % ({100 * low:.0f} – {100 * high:.0f} %), "
            f"where {100 * EXPECTED:.0f} % are expected.")


def own_error(folder: Folder, address: str) -> Markup:
    rows = twins_by_time(folder)
    parts: list[Child] = [paragraph(twins_sentence(folder))]
    if not rows.empty:
        parts.append(element("div", class_="figure", data_figure="twins", data_run=address))
        parts.append(table(
            ("workload", "where", "variant", "allocator", "twin / itself, with its 95 % interval",
             "rounds", "differs"),
            [[workload_link(row.workload),
              place_text(folder, row.workload, row.parameter_value, row.threads), row.variant,
              row.allocator, interval_cell(row.ratio, row.lower, row.upper), row.rounds,
              Cell("differs" if row.differs else "no", int(row.differs))]
             for row in rows.sort_values("differs", ascending=False, kind="stable").itertuples()],
            f"Twins by {rows['metric'].iloc[0]}", numbers=(5,)))
    others = folder.tables["twins.csv"]
    others = others[~others["metric"].isin(TIMES) & others["lower"].notna()]
    if not others.empty:
        counts = others.groupby("metric", sort=False)["differs"].agg(["sum", "count"])
        parts.append(paragraph("By other metrics (not independent of each other): ", joined(", ", [
            f"{name} {int(row['sum'])} of {int(row['count'])}" for name, row in counts.iterrows()]), "."))
    parts += [paragraph(drift_text(folder)),
              element("div", class_="figure", data_figure="anchors", data_run=address)
              if (folder.samples["kind"] == "anchor").any() else None]
    return joined("", parts)


def drift_text(folder: Folder) -> str:
    summary = folder.tables["summary.csv"]
    found = [f"{row.workload} {interval_text(row.estimate, row.lower, row.upper)}"
             for row in summary[summary["metric"] == "drift"].itertuples() if is_number(row.estimate)]
    if not found:
        return "How far the machine drifted is not known: the run has too few rounds of its anchors."
    return ("Drift of the machine itself, second half of the rounds / first half, by the anchors: "
            + "; ".join(found) + ".")
