"""Static figures of one run folder, drawn from its CSV files and run.json alone.

Nothing here names a workload or an allocator: which figures a workload plays in comes from its
registration (the `roles` in run.json). Nothing here estimates: points, intervals and verdicts are
those of summary.csv and comparisons.csv.
"""
