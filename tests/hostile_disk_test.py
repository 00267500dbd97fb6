"""Disks that are full, read-only or gone: told before the first sample where that is possible, else at
the write that meets it. What is complete stays valid, exit 3, and the run can go on."""

from __future__ import annotations

import json
import os
import subprocess
import unittest
from pathlib import Path

import support
from support import BUILD, DRIVER, FolderTest, environment, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"
MISSING = 3
RUN = ("run", "--workload", "fake/steady", "--rounds", "8", "--seed", "3")
AT_SAMPLE = 4
# The longest path that the kernel takes, with its final 0.
PATH_MAX = 4096


class DiskTest(FolderTest):
    def mounted(self, size: str) -> Path:
        """A small file system of its own."""
        place = self.folder / "small"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)],
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        return place

    def worker(self, script: str) -> Path:
        """A worker that does something before its sample number AT_SAMPLE, counted from 1."""
        path = self.folder / "worker.sh"
        count = self.folder / "count"
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = --cell ]; then\n  echo >>"{count}"\n'
            f'  if [ "$(wc -l <"{count}")" = {AT_SAMPLE} ]; then\n    {script}\n  fi\nfi\n'
            f'exec "{NOISE_WORKER}" "$@"\n')
        path.chmod(0o755)
        return path

    def complete(self) -> int:
        """How many samples there are, all of them whole."""
        text = (self.out / "samples.csv").read_bytes()
        self.assertTrue(text.endswith(b"\n"))
        self.assertEqual(list(self.out.rglob("*.new")), [])
        return text.count(b"\n") - 1

    def resumed(self, worker: Path) -> None:
        done = stackheap("run", "--worker", worker, "--resume", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        whole = self.folder / "whole"
        done = stackheap(*RUN, "--worker", worker, "--out", whole)
        self.assertEqual(done.returncode, 0, done.stderr)
        columns = ["sample", "round", "block", "order", "kind", "variant", "seed", "status"]
        self.assertEqual(read_csv(self.out / "samples.csv")[columns].to_dict(),
                         read_csv(whole / "samples.csv")[columns].to_dict())


@unittest.skipUnless(os.geteuid() == 0, "needs root to mount")
class FullDisk(DiskTest):
    def test_too_little_space_is_told_before_anything_runs(self) -> None:
        place = self.mounted("1m")
        done = stackheap(*RUN, "--worker", NOISE_WORKER, "--out", place / "run")
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertRegex(done.stderr, rf"results may take .* and {place} has .* left; free some space")
        self.assertEqual(list(place.iterdir()), [])

    def test_a_disk_that_fills_up_under_way_keeps_what_is_complete(self) -> None:
        place = self.mounted("8m")
        self.out = place / "run"
        filler = place / "filler"
        worker = self.worker(f'cat /dev/zero >"{filler}" 2>/dev/null')
        done = stackheap(*RUN, "--worker", worker, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn("No space left on device; what is complete was kept; when that is mended, go on: "
                      f"stackheap run --resume {self.out}", done.stderr)
        # The last page of a file still has room for some.
        samples = self.complete()
        self.assertIn(samples, range(AT_SAMPLE - 1, 30))
        # Still full: told, and nothing is lost.
        done = stackheap("run", "--worker", worker, "--resume", self.out)
        self.assertEqual(done.returncode, MISSING, done.stderr)
        self.assertEqual(self.complete(), samples)
        filler.unlink()
        self.resumed(worker)

    def test_a_limit_on_the_size_of_files_is_told_before_and_met_without_dying(self) -> None:
        small = ("prlimit", "--fsize=65536:unlimited")
        done = subprocess.run([*small, str(DRIVER), *RUN, "--worker", str(NOISE_WORKER), "--out",
                               str(self.out)], capture_output=True, text=True, env=environment(),
                              check=False, timeout=support.DEADLINE_SECONDS)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn("RLIMIT_FSIZE ends files at 64 KiB", done.stderr)
        self.assertIn("ulimit -f unlimited", done.stderr)
        self.assertFalse(self.out.exists())
        # Set under way, of the driver alone.
        worker = self.worker("prlimit --fsize=2000:unlimited --pid $(ps -o ppid= -p $PPID | tr -d ' ')")
        done = stackheap(*RUN, "--worker", worker, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn("File too large", done.stderr)
        text = (self.out / "samples.csv").read_bytes()
        self.assertTrue(text.endswith(b"\n"))
        self.resumed(worker)


@unittest.skipUnless(os.geteuid() == 0, "needs root to mount")
class ReadOnly(DiskTest):
    def test_it_is_told_before_anything_runs_and_changes_nothing(self) -> None:
        place = self.mounted("16m")
        self.out = place / "run"
        done = stackheap(*RUN, "--worker", NOISE_WORKER, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        # As if it had been killed before its last two samples.
        rows = (self.out / "samples.csv").read_bytes().splitlines(keepends=True)
        (self.out / "samples.csv").write_bytes(b"".join(rows[:-2]))
        document = json.loads((self.out / "run.json").read_text())
        document["finished"] = None
        del document["result"]
        (self.out / "run.json").write_text(json.dumps(document))
        before = (self.out / "samples.csv").read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        for arguments in ((*RUN, "--out", place / "new"), ("run", "--resume", self.out)):
            done = stackheap(*arguments, "--worker", NOISE_WORKER)
            self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
            self.assertIn("cannot be written to: Read-only file system", done.stderr)
        self.assertEqual((self.out / "samples.csv").read_bytes(), before)
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
        self.resumed(NOISE_WORKER)

    def test_a_folder_that_is_written_to_cannot_become_read_only(self) -> None:
        place = self.mounted("16m")
        self.out = place / "run"
        worker = self.worker(f'mount -o remount,ro "{place}" && echo done >"{self.folder}/remounted"')
        done = stackheap(*RUN, "--worker", worker, "--out", self.out)
        self.assertFalse((self.folder / "remounted").exists())
        self.assertEqual(done.returncode, 0, done.stderr)


class Vanished(DiskTest):
    def test_a_folder_that_is_deleted_under_way_ends_the_run(self) -> None:
        worker = self.worker(f'rm -r "{self.out}"')
        done = stackheap(*RUN, "--worker", worker, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn(f"{self.out}/samples.csv: No such file or directory", done.stderr)
        self.assertFalse(self.out.exists())

    def test_a_folder_that_is_moved_away_keeps_what_is_complete(self) -> None:
        moved = self.folder / "moved"
        worker = self.worker(f'mv "{self.out}" "{moved}"')
        done = stackheap(*RUN, "--worker", worker, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn(f"{self.out}/samples.csv: No such file or directory", done.stderr)
        self.out = moved
        self.assertEqual(self.complete(), AT_SAMPLE - 1)
        self.resumed(worker)


class LongPath(DiskTest):
    def place_of(self, length: int) -> Path:
        """A path of exactly so many bytes, of which nothing exists but the first folders."""
        path = self.folder
        while length - len(str(path)) > 250:
            path = path / ("d" * 200)
        return path / ("e" * (length - len(str(path)) - 1))

    def test_a_folder_whose_files_still_have_a_path_is_written_and_resumed(self) -> None:
        self.out = self.place_of(PATH_MAX - 65)
        done = stackheap(*RUN, "--worker", NOISE_WORKER, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertGreater(len(read_csv(self.out / "samples.csv")), 4)
        done = stackheap("run", "--worker", NOISE_WORKER, "--resume", self.out)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])

    def test_a_folder_that_is_too_deep_is_refused(self) -> None:
        for length in (PATH_MAX - 8, PATH_MAX + 300):
            out = self.place_of(length)
            done = stackheap(*RUN, "--worker", NOISE_WORKER, "--out", out)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr[-2000:])
            self.assertIn("the path is too long", done.stderr)
            self.assertIn("choose a shorter one", done.stderr)


if __name__ == "__main__":
    unittest.main()
