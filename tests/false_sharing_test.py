"""shared_line_share of threads/false-sharing, as the real worker reports it under every allocator."""

from __future__ import annotations

import unittest

import pandas

from support import FolderTest, needs_allocators, read_csv, stackheap

PADDED = ("active-padded", "passive-padded")
PACKED = ("active-packed", "passive-packed")


class SharedLineShare(FolderTest):
    def samples(self, threads: int, rounds: int) -> pandas.DataFrame:
        done = stackheap("run", "--profile", "smoke", "--workload", "threads/false-sharing",
                         "--threads", str(threads), "--rounds", str(rounds), "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        table = read_csv(self.out / "samples.csv")
        ran = table[table["status"] != "unsupported"]
        self.assertEqual(set(ran["status"]), {"ok"})
        self.assertEqual(set(ran["variant"]), {*PADDED, *PACKED})
        return ran

    @needs_allocators
    def test_padded_objects_share_no_line_under_any_allocator(self) -> None:
        ran = self.samples(threads=4, rounds=2)
        self.assertGreater(len(set(ran["allocator"])), 2)
        for variant in PADDED:
            padded = ran[ran["variant"] == variant]
            self.assertEqual(set(padded["allocator"]), set(ran["allocator"]))
            self.assertTrue((padded["shared_line_share"] == 0).all(), padded["shared_line_share"])
        packed = ran[ran["variant"].isin(PACKED)]
        self.assertTrue(packed["shared_line_share"].between(0, 1).all())
        # Of four threads there are six pairs.
        sixths = packed["shared_line_share"] * 6
        self.assertTrue(((sixths - sixths.round()).abs() < 1e-6).all(), sixths)

    def test_one_thread_shares_with_nobody(self) -> None:
        self.assertTrue(self.samples(threads=1, rounds=1)["shared_line_share"].isna().all())


if __name__ == "__main__":
    unittest.main()
