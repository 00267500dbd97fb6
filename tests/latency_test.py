"""latency/slots as a user runs it: latency.csv holds every operation, and the quantiles of
samples.csv are those of its buckets."""

from __future__ import annotations

import unittest

import numpy
import pandas

import support

ALLOCATORS = ("glibc", "jemalloc")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
FEWEST_BEYOND = 100
PICOSECOND = 1e-3  # latency.csv is rounded to it
SIX_DIGITS = 5e-6  # the columns of samples.csv are


def rank_of(q: float, count: int) -> int:
    return int(numpy.ceil(round(q * count, 6)))


def quantile_bucket(buckets: pandas.DataFrame, rank: int) -> tuple[float, float]:
    """The bucket that holds the value of this rank, of all operations together."""
    merged = buckets.groupby(["lower_ns", "upper_ns"], as_index=False)["count"].sum()
    merged = merged.sort_values("lower_ns")
    place = int(numpy.searchsorted(numpy.cumsum(merged["count"].to_numpy()), rank))
    row = merged.iloc[place]
    return float(row["lower_ns"]), float(row["upper_ns"])


@support.needs_allocators
class LatencySlots(support.FolderTest):
    def test_buckets_hold_every_operation_and_give_the_quantiles(self) -> None:
        arguments = [part for name in ALLOCATORS for part in ("--allocator", name)]
        done = support.stackheap("run", "--profile", "smoke", "--workload", "latency/slots",
                                 *arguments, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        samples = support.read_csv(self.out / "samples.csv")
        buckets = support.read_csv(self.out / "latency.csv")
        self.assertEqual(list(buckets.columns),
                         ["sample", "operation", "lower_ns", "upper_ns", "count"])
        if (samples["status"] == "unsupported").all():
            self.assertEqual(len(buckets), 0)
            self.skipTest(samples["detail"].iloc[0])
        self.assertEqual(set(samples["status"]), {"ok"})
        self.assertLessEqual(set(ALLOCATORS), set(samples["allocator"]))
        self.assertEqual(set(buckets["sample"]), set(samples["sample"]))
        self.assertTrue((buckets["count"] > 0).all())

        given = 0
        for row in samples.itertuples():
            own = buckets[buckets["sample"] == row.sample]
            with self.subTest(variant=row.variant, allocator=row.allocator, threads=row.threads):
                self.assertEqual(own.groupby("operation")["count"].sum().to_dict(),
                                 {"malloc": row.ops, "free": row.ops})
                self.assertEqual(own["operation"].unique().tolist(), ["malloc", "free"])
                for column, q in QUANTILES.items():
                    value = getattr(row, column)
                    count = 2 * row.ops
                    rank = rank_of(q, count)
                    self.assertEqual(numpy.isnan(value), count - rank < FEWEST_BEYOND, column)
                    if numpy.isnan(value):
                        continue
                    given += 1
                    lower, upper = quantile_bucket(own, rank)
                    slack = PICOSECOND + SIX_DIGITS * value
                    self.assertGreaterEqual(value, lower - slack, column)
                    self.assertLess(value, upper + slack, column)
                last = own["upper_ns"].max()
                self.assertLess(row.max, last + PICOSECOND + SIX_DIGITS * last)
                self.assertGreaterEqual(row.max * (1 + SIX_DIGITS) + PICOSECOND,
                                        own["lower_ns"].max())
                self.assertGreater(row.timer_ns_p50, 0)
                self.assertGreaterEqual(row.timer_ns_p99, row.timer_ns_p50)
        self.assertGreater(given, 0)

    def test_a_wrong_result_leaves_no_buckets(self) -> None:
        done = support.stackheap("run", "--profile", "smoke", "--workload", "latency/slots",
                                 "--variant", "malloc", "--allocator", "glibc", "--out", self.out,
                                 env={"STACKHEAP_TEST_FAULT": "flip-byte"})
        self.assertEqual(done.returncode, 1, done.stderr)
        samples = support.read_csv(self.out / "samples.csv")
        self.assertEqual(set(samples["status"]), {"failed_check"})
        self.assertTrue(samples["p50"].isna().all())
        self.assertEqual(len(support.read_csv(self.out / "latency.csv")), 0)


class ProfilesOfLatency(unittest.TestCase):
    def test_quick_leaves_the_suite_out(self) -> None:
        workload = support.workloads()["latency/slots"]
        self.assertEqual(workload["shape"], "histogram")
        self.assertEqual(workload["timed_operations"], ["malloc", "free"])
        self.assertEqual(workload["quick"], [])
        for profile in ("smoke", "standard", "full"):
            self.assertNotEqual(workload[profile], [])


if __name__ == "__main__":
    unittest.main()
