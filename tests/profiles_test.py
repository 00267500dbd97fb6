"""What the profiles promise of their length, by the declared time of their samples: nothing is measured."""

from __future__ import annotations

import re
import unittest

from support import needs_allocators, stackheap

UNITS = {"h": 3600, "min": 60, "s": 1}


def seconds_of(text: str) -> int:
    """Of "2 min 12 s"."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+) (h|min|s)\b", text))


@needs_allocators
class Profiles(unittest.TestCase):
    def expected_seconds(self, profile: str) -> int:
        done = stackheap("run", "--profile", profile, "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = re.search(r"about ((?:\d+ (?:h|min|s) ?)+)", done.stdout + done.stderr)
        assert told, done.stdout[-2000:] + done.stderr
        return seconds_of(told.group(1))

    def test_smoke_and_quick_take_two_minutes_and_standard_half_an_hour(self) -> None:
        for profile, most in (("smoke", 120), ("quick", 120), ("standard", 1800)):
            with self.subTest(profile=profile):
                self.assertLessEqual(self.expected_seconds(profile), most)


if __name__ == "__main__":
    unittest.main()
