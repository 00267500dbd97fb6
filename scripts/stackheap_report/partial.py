"""What an unfinished run lacks, in words: a reader must not take it for the whole."""

from __future__ import annotations

from .folder import DERIVED, Folder
from .markup import Child, Markup, code, element, paragraph, words


def notice(folder: Folder) -> Markup | None:
    if folder.finished and not folder.absent:
        return None
    items = [*missing_files(folder), *(missing_rounds(folder) if not folder.finished else [])]
    title = f"PARTIAL: {why(folder)}" if not folder.finished else "Some files are not there."
    again = [paragraph("To finish it: ", code(f"stackheap run --resume {folder.path.name}"), " in the "
                       "folder that holds it, with its path.")] if not folder.finished else []
    return element("div", element("strong", title), element("ul", [element("li", one) for one in items]),
                   again, class_="partial", role="note")


def why(folder: Folder) -> str:
    result = folder.get("result")
    if isinstance(result, dict) and result.get("interrupted"):
        return "this run was interrupted before its last round."
    return "this run is not finished: it was killed, or is still under way."


def missing_files(folder: Folder) -> list[Child]:
    derived = [name for name in folder.absent if name in DERIVED]
    others = [name for name in folder.absent if name not in DERIVED]
    items: list[Child] = []
    if derived:
        items.append([words([code(name) for name in derived]), " missing, and with them what this page "
                      "would say of them: ", code(f"stackheap summarize {folder.path.name}"),
                      " computes them from the samples that are there."])
    if others:
        items.append([words([code(name) for name in others]), " missing: no sample is known."])
    return items


def missing_rounds(folder: Folder) -> list[Child]:
    """Against the plan: samples in all, and blocks that have fewer rounds."""
    timed = folder.samples[folder.samples["kind"] == "timed"]
    plan = list(folder.planned_blocks())
    if not plan:
        return [f"{len(timed):,} timed samples are there; run.json does not say how many were planned."]
    rounds = timed.groupby("block", observed=True)["round"].nunique()
    short = [(block, int(rounds.get(block, 0)), planned) for block, _, planned in plan
             if int(rounds.get(block, 0)) < planned]
    planned_samples = sum(cells * planned for _, cells, planned in plan)
    items: list[Child] = [f"{len(timed):,} timed samples are there, of about {planned_samples:,} that "
                          "were planned."]
    if short:
        fewest, most = min(have for _, have, _ in short), max(have for _, have, _ in short)
        span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        planned = sorted({planned for _, _, planned in short})
        items.append(f"{len(short)} of {len(plan)} blocks have fewer rounds than planned: {span}, of "
                     f"{' or '.join(map(str, planned))}.")
        none = [block for block, have, _ in short if not have]
        if none:
            items.append(f"{len(none)} blocks have no sample at all: {', '.join(none[:8])}"
                         + (f" and {len(none) - 8} more." if len(none) > 8 else "."))
    return items
