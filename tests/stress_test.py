"""stackheap stress: healthy allocators pass, broken ones are caught, and what failed can be repeated."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
import unittest
from pathlib import Path

import pandas

from support import (
    DRIVER,
    FolderTest,
    command,
    compile_library,
    environment,
    needs_allocators,
    read_csv,
    sanitizer,
    stackheap,
)

# A malloc that hands on to the C library's, with room for one fault.
SOURCE = """
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void *__libc_valloc(size_t);
extern void *__libc_pvalloc(size_t);
extern void __libc_free(void *);
static atomic_ulong calls;
FAULT
#ifndef ON_MALLOC
#define ON_MALLOC(size) __libc_malloc(size)
#endif
#ifndef AFTER_FREE
#define AFTER_FREE
#endif
void *malloc(size_t size) { atomic_fetch_add(&calls, 1); return ON_MALLOC(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return __libc_realloc(block, size); }
void free(void *block) { __libc_free(block); AFTER_FREE }
void *memalign(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
void *valloc(size_t size) { return __libc_valloc(size); }
void *pvalloc(size_t size) { return __libc_pvalloc(size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
    return EINVAL;
  void *block = __libc_memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *result = block;
  return 0;
}
"""

# Each fault comes late enough for the program to have started.
# The last block of that size once more, now and then.
TWICE = """
static __thread void *last; static __thread size_t last_size;
static void *twice(size_t size) {
  if (size == last_size && last != NULL && calls > 3000 && calls % 2 == 0) return last;
  last = __libc_malloc(size); last_size = size;
  return last;
}
#define ON_MALLOC(size) twice(size)
"""
HANG = """
static void *hang(size_t size) { while (calls > 50000) pause(); return __libc_malloc(size); }
#define ON_MALLOC(size) hang(size)
"""
SPIN = """
static void *spin(size_t size) { while (calls > 50000) ; return __libc_malloc(size); }
#define ON_MALLOC(size) spin(size)
"""
ABORT = """
static void *give_up(size_t size) { if (calls > 3000) abort(); return __libc_malloc(size); }
#define ON_MALLOC(size) give_up(size)
"""
ERRNO = """
#define AFTER_FREE errno = EILSEQ;
"""


class StressTest(FolderTest):
    def stress(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return stackheap("stress", "--out", self.out, *arguments)

    def rows(self) -> pandas.DataFrame:
        return read_csv(self.out / "stress.csv")

    def library(self, fault: str) -> str:
        return f"mine={compile_library(self.folder, 'broken', SOURCE.replace('FAULT', fault))}"

    def test_a_healthy_allocator_passes_both_passes_with_one_seed(self) -> None:
        done = self.stress("--allocator", "glibc", "--check", "blocks/zero-size", "--check",
                           "threads/ring", "--seed", "5")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        rows = self.rows()
        self.assertEqual(list(rows.columns[:7]), ["check", "allocator", "threads", "seed",
                                                  "operations", "verdict", "detail"])
        listed = stackheap("list", "columns", "--csv").stdout.splitlines()
        self.assertEqual(list(rows.columns), [line.split(",")[1] for line in listed
                                              if line.startswith("stress.csv,")])
        self.assertEqual(set(rows["pass"]), {0, 1})
        self.assertEqual(set(rows["seed"]), {5})
        self.assertTrue((rows["operations"] > 0).all())
        self.assertEqual(set(rows["verdict"]), {"ok", "recorded"})
        self.assertIn("blocks/zero-size", done.stdout)
        self.assertEqual(list((self.out / "logs").iterdir()), [])

    def test_one_thread_and_one_seed_do_the_same_operations(self) -> None:
        # blocks/realloc is bounded by its grid and not by time.
        first = self.stress("--allocator", "glibc", "--check", "blocks/realloc", "--seed", "9")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(len(set(self.rows()["operations"])), 1)

    @needs_allocators
    def test_a_block_given_twice_is_unsafe_and_both_printed_commands_repeat_it(self) -> None:
        done = self.stress("--allocator", self.library(TWICE), "--check", "blocks/mixed", "--seed",
                           "3")
        self.assertEqual(done.returncode, 1, done.stdout)
        rows = self.rows()
        self.assertEqual(set(rows["verdict"]), {"unsafe"})
        detail = rows["detail"][0]
        self.assertRegex(detail, r"thread 0 of 1, operation \d+: malloc\(\d+\) gave 0x[0-9a-f]+, "
                                 r"within a live block: 0x[0-9a-f]+ to 0x[0-9a-f]+ \(\d+ B\)")
        place = re.search(r"operation \d+: malloc\(\d+\)", detail)[0]
        alone = re.search(r"^  alone: (.*)$", done.stdout, re.MULTILINE)[1]
        again = subprocess.run(["bash", "-c", alone], capture_output=True, text=True,
                               env=environment(), check=False)
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn(place, again.stdout)
        words = re.search(r"^  again: stackheap (.*)$", done.stdout, re.MULTILINE)[1]
        other = self.folder / "again"
        again = command(DRIVER, *shlex.split(words), "--out", other)
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn(place, read_csv(other / "stress.csv")["detail"][0])
        self.assertEqual(len(list((self.out / "logs").iterdir())), 2)

    @needs_allocators
    def test_a_call_that_does_not_come_back_is_found_long_before_the_deadline(self) -> None:
        for name, fault in (("blocked", HANG), ("ran", SPIN)):
            with self.subTest(name):
                self.out = self.folder / name
                done = self.stress("--allocator", self.library(fault), "--check", "threads/hot")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertRegex(self.rows()["detail"][0], r"hangs in malloc\(\d+\), its call \d+")
                self.assertLess(self.rows()["seconds"].max(), 10)

    @needs_allocators
    def test_a_process_that_ends_by_a_signal_is_unsafe_and_says_where(self) -> None:
        done = self.stress("--allocator", self.library(ABORT), "--check", "blocks/mixed",
                           "--check", "blocks/zero-size")
        self.assertEqual(done.returncode, 1, done.stdout)
        rows = self.rows().set_index("check")
        mixed = rows.loc["blocks/mixed"]
        # On a machine that is busy the short pass may end before the fault begins.
        detail = mixed[mixed["verdict"] == "unsafe"]["detail"].iloc[0]
        self.assertRegex(detail, r"SIGABRT.* on thread 0 of 1, operation \d+, in malloc\(\d+\)")
        # The other check runs all the same.
        self.assertEqual(set(rows.loc["blocks/zero-size", "verdict"]), {"recorded"})

    @needs_allocators
    def test_a_deviation_by_which_nothing_is_lost_is_new_and_does_not_fail(self) -> None:
        done = self.stress("--allocator", self.library(ERRNO), "--check",
                           "blocks/errno-after-free")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"NEW errno-after-free of blocks/errno-after-free under mine")
        row = self.rows().iloc[0]
        self.assertEqual((row["verdict"], row["known"], row["deviations"]),
                         ("nonconforming", "new", "errno-after-free"))

    @needs_allocators
    def test_a_known_deviation_is_told_as_such(self) -> None:
        done = self.stress("--allocator", "glibc", "--check", "blocks/aligned_alloc-arguments")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("NEW", done.stdout)

    @needs_allocators
    def test_where_blocks_may_not_move_the_check_is_unsupported(self) -> None:
        done = self.stress("--allocator", "reference", "--check", "threads/ring")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(set(self.rows()["verdict"]), {"unsupported"})

    def test_given_threads_are_those_of_the_rows(self) -> None:
        done = self.stress("--allocator", "glibc", "--check", "threads/mixed", "--threads", "3,5")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(set(self.rows()["threads"]), {3, 5})

    def test_a_given_time_brings_further_seeds_or_leaves_some_out(self) -> None:
        done = self.stress("--allocator", "glibc", "--check", "blocks/aligned", "--seconds", "2",
                           "--seed", "1")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(self.rows()["seed"].max(), 1)
        self.out = self.folder / "short"
        done = self.stress("--allocator", "glibc", "--seconds", "1")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"no time for \d+ check-runs")

    def test_a_name_that_no_check_has_is_refused_with_the_nearest(self) -> None:
        done = self.stress("--check", "blocks/mixt")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'blocks/mixed'", done.stderr)
        self.assertFalse(self.out.exists())

    def test_a_time_that_is_none_is_refused(self) -> None:
        done = self.stress("--seconds", "soon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--seconds soon: expected a time", done.stderr)

    def test_an_interrupted_run_keeps_its_rows(self) -> None:
        running = subprocess.Popen(
            [DRIVER, "stress", "--allocator", "glibc", "--seconds", "200", "--out", self.out],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # What a shell starts with & is born deaf to it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        csv = self.out / "stress.csv"
        while not csv.exists() or csv.read_text().count("\n") < 3:
            self.assertIsNone(running.poll())
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        self.assertIn("interrupted, what is complete was kept", out)
        self.assertGreaterEqual(len(self.rows()), 2)


if __name__ == "__main__":
    if sanitizer():
        # A sanitizer's malloc ends the process on what it takes for a mistake, unless told otherwise.
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
            os.environ[name] = "allocator_may_return_null=1:detect_leaks=0:handle_abort=0"
    unittest.main()
