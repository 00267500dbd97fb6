"""One HTML file of one run folder or several and of what checks found, readable offline, made of their
CSV and JSON files alone.

    known.py, tables.py, folder.py   what a run folder holds, read strictly
    stress_folder.py                 the same of a folder of `stackheap stress`
    answer.py ... repeat.py          one section of the page each; checks.py and misuse.py of checks
    payload.py, timeline.py, latency.py   the numbers that the figures draw, aggregated
    markup.py, page.py, templates/   HTML that cannot forget to escape; the page, its styles, its scripts

Nothing here names a workload or an allocator, and nothing estimates: points, intervals and verdicts
are those of the run's files. What is aggregated for a figure (histograms added up, readings of
memory binned) is said beside it.
"""
