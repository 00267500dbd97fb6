"""Several lanes that fail at once are one failed sample."""

from __future__ import annotations

import json
import subprocess
import unittest

import support


class LaneFailure(unittest.TestCase):
    def test_the_first_lane_to_fail_speaks_and_ends_the_others(self) -> None:
        cell = support.cell_request(workload="heap/pair", variant="malloc", parameter=64, threads=8,
                                    share=10, windows=1, oversubscribed=True, cpus=[])
        for _ in range(40):
            ended = subprocess.run(
                [support.BUILD / "stackheap-worker", "--cell", cell, "--result-fd", "1"],
                capture_output=True, text=True, check=False,
                env=support.environment({"STACKHEAP_TEST_FAULT": "flip-byte"}))
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(json.loads(ended.stdout)["status"], "failed_check")


if __name__ == "__main__":
    unittest.main()
