"""The section that a reader came for: which choice wins where, by how much, how certain that is, and
what this run cannot say."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Sequence

from .cells import interval_cell, interval_text, is_number, place_text, plural, workload_link
from .contests import (BETTER, EQUIVALENT, UNRESOLVED, WORSE, Contender, Contest, Standing,
                       contests_of, nearer_bound, standings)
from .folder import FAILURES, PLACE, Folder
from .markup import Cell, Child, Field, Markup, element, joined, paragraph, table, words
from .own_error import twins_sentence

ROLE = "stack-against-heap"
NAMED = 3  # so many leaders stand in one field


def answer(folder: Folder) -> Markup:
    """In a few sentences first, then in tables."""
    contests = contests_of(folder)
    if not contests:
        return Markup(joined("", [paragraph("This run compares nothing: it has no row in "
                                            "comparisons.csv."), gaps(folder, contests)]))
    short: list[Child] = []
    tables: list[Child] = []
    for title, some in by_question(contests):
        if not some:
            continue
        of_allocators = some[0].of_allocators
        sentence = (leading_sentence if of_allocators else heap_sentence)(folder, some)
        short.append([element("strong", f"{title}. "), sentence])
        tables += [element("h3", title), (scoreboard if of_allocators else by_workload)(folder, some),
                   winners(folder, some)]
    short.append([element("strong", "Certainty. "), certainty(folder, contests)])
    return Markup(joined("", [element("ul", [element("li", one) for one in short], class_="short"),
                              gaps(folder, contests), tables]))


def by_question(contests: Sequence[Contest]) -> list[tuple[str, list[Contest]]]:
    allocators = [contest for contest in contests if contest.of_allocators]
    return [("Time, by allocator", [contest for contest in allocators if contest.is_time]),
            ("Memory and other quantities, by allocator",
             [contest for contest in allocators if not contest.is_time]),
            ("Stack, arena, heap and kinds of stack",
             [contest for contest in contests if not contest.of_allocators])]


def gaps(folder: Folder, contests: Sequence[Contest]) -> Markup:
    return joined("", [element("h3", "What could not be told"), element("ul", [
        element("li", one) for one in untold(folder, contests)])])


def leading_sentence(folder: Folder, contests: Sequence[Contest]) -> Child:
    told = [contest for contest in contests if contest.told]
    if not told:
        return f"No leader can be named in any of {plural(len(contests), 'comparison')}: too few rounds."
    ranked = [s for s in standings(told) if s.alone + s.shared]
    everywhere = [s for s in ranked if s.alone + s.shared == len(told)]
    first = ranked[0]
    parts: list[Child] = [f"{plural(len(told), 'comparison')}, each of one workload at one value and "
                          "number of threads. "]
    if everywhere:
        parts += [bold_names([s.name for s in everywhere]), " led, or could not be told from the "
                  "leader, in all of them. "]
    else:
        parts.append("No allocator led all of them. ")
    if first.alone:
        parts += [element("strong", first.name), f" led most often: alone in {first.alone}"
                  f"{f', and with others that cannot be told from it in {first.shared}' if first.shared else ''}."]
    else:
        parts.append("In none was there one leader alone.")
    if first.best is not None:
        contest, one = first.best
        parts += [f" Its clearest lead over {contest.baseline}: {ratio_text(one)} times the baseline's {contest.metric} at ",
                  workload_link(contest.workload), comma_place(folder, contest), "."]
    return parts


def bold_names(names: Sequence[str]) -> Markup:
    return words([element("strong", name) for name in names])


def comma_place(folder: Folder, contest: Contest) -> str:
    place = place_text(folder, contest.workload, contest.value, contest.threads)
    return f", {place}" if place else ""


def ratio_text(one: Contender) -> str:
    return interval_text(one.ratio, one.lower, one.upper)


def extreme(folder: Folder, found: tuple[Contest, Contender] | None) -> Cell:
    if found is None:
        return Cell("")
    contest, one = found
    return Cell([ratio_text(one), element("br"), element("small", [
        workload_link(contest.workload), comma_place(folder, contest)])], one.ratio)


def scoreboard(folder: Folder, contests: Sequence[Contest]) -> Markup:
    def row(standing: Standing) -> list[Field]:
        name: Child = standing.name
        if standing.name in folder.floors:
            name = [standing.name, " ", element("small", "(a floor, not a choice)")]
        elif standing.name == folder.baseline:
            name = [standing.name, " ", element("small", "(baseline)")]
        counts = [standing.outcomes[outcome] for outcome in (BETTER, EQUIVALENT, WORSE, UNRESOLVED)]
        compared: list[Field] = ["", "", "", ""] if standing.name == folder.baseline else list(counts)
        return [name, standing.alone, standing.shared, *compared, extreme(folder, standing.best),
                extreme(folder, standing.worst), standing.contests]

    return table(
        ("allocator", "leads alone", "shares the lead", f"better than {folder.baseline}", "equivalent",
         "worse", "unresolved", f"clearest gain, ratio to {folder.baseline}", "clearest loss",
         "comparisons"),
        [row(standing) for standing in standings(contests)],
        "Comparisons by the metric that each workload is ranked by, counted; ratios with their "
        "intervals", numbers=(1, 2, 3, 4, 5, 6, 9))


def heap_sentence(folder: Folder, contests: Sequence[Contest]) -> Child:
    """How often memory without the heap leads, and what the heap costs there."""
    mixed = [contest for contest in contests
             if contest.told and ROLE in folder.workloads[contest.workload].roles]
    if not mixed:
        return "No workload of this run sets the heap against the stack with rounds enough."
    without = [contest for contest in mixed
               if not any(uses_heap(folder, contest, one) for one in contest.leaders)]
    parts: list[Child] = [
        f"{plural(len(mixed), 'comparison')} of the heap with the stack and arenas. In {len(without)} of them "
        "only ways that take no heap memory led; in the others one that takes it led, or could not be "
        "told from the leader."]
    costs = sorted(((one.ratio, contest, one) for contest in mixed for one in contest.contenders
                    if contest.is_time and not folder.workloads[contest.workload].uses_heap(contest.baseline)
                    and uses_heap(folder, contest, one) and one.outcome in (BETTER, WORSE)),
                   key=lambda cost: cost[0])
    if costs:
        (_, low_at, low), (_, high_at, high) = costs[0], costs[-1]
        parts += [" Where the baseline takes none, a way that takes some took from ", ratio_text(low),
                  " times its time (",
                  low.name, " in ", workload_link(low_at.workload), comma_place(folder, low_at),
                  ") to ", ratio_text(high), " times (", high.name, " in ", workload_link(high_at.workload),
                  comma_place(folder, high_at), ")."]
    return parts


def uses_heap(folder: Folder, contest: Contest, one: Contender) -> bool:
    return folder.workloads[contest.workload].uses_heap(one.name)


def by_workload(folder: Folder, contests: Sequence[Contest]) -> Markup:
    """One row per workload; who leads at how many of its places, and the leads that are clearest."""
    groups: dict[str, list[Contest]] = defaultdict(list)
    for contest in contests:
        groups[contest.workload].append(contest)
    rows: list[list[Field]] = []
    for name, group in groups.items():
        leads = Counter(" = ".join(one.name for one in contest.leaders[:NAMED])
                        + (" = \N{HORIZONTAL ELLIPSIS}" if len(contest.leaders) > NAMED else "")
                        or "too few rounds" for contest in group)
        found = standings(group, floors=False)
        best = max((s for s in found if s.best), key=lambda s: nearer_bound(s.best[1]), default=None)
        worst = max((s for s in found if s.worst), key=lambda s: nearer_bound(s.worst[1]), default=None)
        rows.append([workload_link(name), [[element("br") if place else "", element("strong", who),
                                            f": {times} of {len(group)}"]
                                           for place, (who, times) in enumerate(leads.most_common())],
                     group[0].baseline, named_extreme(folder, best and best.name, best and best.best),
                     named_extreme(folder, worst and worst.name, worst and worst.worst),
                     group[0].metric])
    return table(("workload", "leads at its values and threads", "baseline", "clearest gain over it",
                  "clearest loss", "by"), rows,
                 "Variants by workload; names joined by = cannot be told apart, ratios are to the baseline")


def named_extreme(folder: Folder, name: str | None, found: tuple[Contest, Contender] | None) -> Cell:
    cell = extreme(folder, found)
    return Cell([name, " ", cell.child], cell.key) if found else cell


def winners(folder: Folder, contests: Sequence[Contest]) -> Markup:
    rows = [winner_row(folder, contest) for contest in contests]
    return table(("workload", "of", "where", "leads", "ratio to the baseline", "baseline",
                  "next or tied", "by"), rows,
                 f"Every comparison of {'allocators' if contests[0].of_allocators else 'variants'}; several "
                 "leaders cannot be told apart")


def winner_row(folder: Folder, contest: Contest) -> list[Field]:
    leaders = contest.leaders
    rest = [one for one in contest.contenders if one not in leaders and not one.floor and one.bounded]
    following = min(rest, key=lambda one: sum(one.span), default=None)
    if len(leaders) > 1:
        tied = f"{len(leaders)} tied: {words([one.name for one in leaders[:NAMED + 1]])}"
        tied += f" and {len(leaders) - NAMED - 1} more" if len(leaders) > NAMED + 1 else ""
    else:
        tied = f"{following.name} {ratio_text(following)}" if following else ""
    first = leaders[0] if leaders else None
    return [workload_link(contest.workload), f"allocators of {contest.variant}"
            if contest.of_allocators else "variants",
            Cell(place_text(folder, contest.workload, contest.value, contest.threads),
                 contest.threads * 1e15 + (contest.value if is_number(contest.value) else 0)),
            lead_names(leaders), lead_ratio(contest, first), contest.baseline, Markup(tied)
            if len(leaders) > 1 else tied, contest.metric]


def lead_names(leaders: Sequence[Contender]) -> Child:
    if not leaders:
        return element("em", "too few rounds")
    if len(leaders) == 1:
        return element("strong", leaders[0].name)
    return [joined(", ", [one.name for one in leaders[:NAMED]]),
            " \N{HORIZONTAL ELLIPSIS}" if len(leaders) > NAMED else ""]


def lead_ratio(contest: Contest, first: Contender | None) -> Cell:
    if first is None:
        return Cell("")
    if first.name == contest.baseline:
        return Cell("is the baseline", 1)
    return interval_cell(first.ratio, first.lower, first.upper)


def certainty(folder: Folder, contests: Sequence[Contest]) -> list[Child]:
    told = [contest for contest in contests if contest.told]
    alone = sum(len(contest.leaders) == 1 for contest in told)
    rounds = folder.info.get("rounds")
    return [
        f"{alone} of {plural(len(contests), 'comparison')} with one leader. Every interval here is one of a family "
        "(one workload, value and number of threads), and all of a family hold together with 95 % "
        "certainty; two choices are told apart where these intervals do not overlap. ",
        f"Each cell was measured in {plural(rounds, 'interleaved round')} of fresh processes. "
        if folder.finished and isinstance(rounds, int) else "",
        twins_sentence(folder)]


def untold(folder: Folder, contests: Sequence[Contest]) -> list[Child]:
    """Every kind of gap, with its size."""
    items: list[Child] = []
    pairs = [one for contest in contests for one in contest.contenders if one.name != contest.baseline]
    open_pairs = [one for one in pairs if one.outcome == UNRESOLVED]
    if open_pairs:
        needed = sorted(one.rounds_needed for one in open_pairs if is_number(one.rounds_needed))
        items.append(f"{len(open_pairs)} of {plural(len(pairs), 'pair')} unresolved: the interval neither "
                     "excludes 1 nor lies within the margin. " + rounds_text(needed, len(open_pairs)))
    ties = sum(len(contest.leaders) > 1 for contest in contests)
    if ties:
        items.append(f"{ties} of {plural(len(contests), 'comparison')} without a single leader.")
    silent = sum(not contest.told for contest in contests)
    if silent:
        items.append(f"{silent} of {plural(len(contests), 'comparison')} with too few rounds for an interval.")
    items += status_gaps(folder)
    if folder.get("calibration") is None:
        items.append("This machine was never calibrated, so that no interval holds the luck of the "
                     "worker's layout in memory: 'stackheap calibrate' measures it.")
    missing = [str(one.get("metric")) for one in folder.entries("instrumented", "missing")]
    if missing:
        items.append(["Not countable here: ", words(missing), " (", element(
            "a", "why", href=f"#missing-{folder.address}"), ")."])
    reasons = Counter(folder.tables["scaling.csv"]["not_fitted"])
    items += [f"No law of scaling is fitted for {times} cells: {reason}."
              for reason, times in reasons.most_common(2) if reason]
    if not items:
        items.append("Nothing: every pair is resolved, and every planned cell ran.")
    return items


def rounds_text(needed: Sequence[float], pairs: int) -> str:
    if not needed:
        return "At the spread so far no number of rounds in sight would settle them."
    half, whole = (f"{rounds:,.0f}" for rounds in (needed[(len(needed) - 1) // 2], needed[-1]))
    settled = f"{whole} rounds in all would settle " + ("it" if pairs == 1 else "them") if half == whole \
        else f"{half} rounds in all would settle half of them, {whole} would settle all"
    return f"At the spread so far {settled}" + (
        f", except {pairs - len(needed)} for which no number is in sight." if len(needed) < pairs else ".")


def status_gaps(folder: Folder) -> list[Child]:
    samples = folder.samples
    items: list[Child] = []
    link = element("a", "which, and why", href=f"#failures-{folder.address}")
    for statuses, said in ((FAILURES, "had samples that failed"),
                           (("unavailable",), "could not run: a library or kernel feature is missing"),
                           (("unsupported",), "cannot run on this machine")):
        rows = samples[samples["status"].isin(statuses)]
        if not rows.empty:
            items.append([f"{len(rows.drop_duplicates(PLACE)):,} cells {said} (", link, ")."])
    return items

