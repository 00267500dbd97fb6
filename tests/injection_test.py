"""A sample is under an allocator's name only where the process ran on it: libraries that are not, or
not wholly, what malloc became are told."""

from __future__ import annotations

import json
import shutil
import unittest
from pathlib import Path
from typing import Any

import pandas

import support
from support import FolderTest, stackheap

# A bump allocator: enough for a process to start with, and nothing is ever given back.
PARTIAL_MALLOC = """
#include <stddef.h>
#include <string.h>
static _Alignas(64) char memory[64 << 20];
static size_t used;
void *malloc(size_t n) {
  size_t at = __atomic_fetch_add(&used, ((n + 63) / 64 + 1) * 64, __ATOMIC_RELAXED);
  *(size_t *)(memory + at) = n;
  return memory + at + 64;
}
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) {
  void *q = malloc(n);
  if (p != NULL) {
    size_t old = *(size_t *)((char *)p - 64);
    memcpy(q, p, old < n ? old : n);
  }
  return q;
}
"""
EI_OSABI = 7
NO_OS = 0x53


@support.needs_allocators
class ProofTest(FolderTest):
    """A sample is under an allocator's name only where the process ran on it."""

    RUN = ("run", "--profile", "smoke", "--workload", "heap/pair", "--threads", "1", "--variant",
           "malloc", "--variant", "no-alloc", "--allocator", "glibc")

    def run_with(self, *arguments: Any) -> pandas.DataFrame:
        """The rows, by allocator."""
        self.ended = stackheap(*self.RUN, *arguments, "--out", self.out)
        samples = support.read_csv(self.out / "samples.csv")
        samples = samples[samples.kind == "timed"].set_index("allocator")
        self.assertEqual(samples.status["glibc"], "ok", samples.detail["glibc"])
        self.assertEqual(samples.status["none"], "ok", samples.detail["none"])
        return samples

    def check_fails(self, samples: pandas.DataFrame, status: str, detail: str) -> None:
        self.assertEqual(self.ended.returncode, 1, self.ended.stderr)
        self.assertEqual(samples.status["mine"], status, samples.detail["mine"])
        self.assertRegex(samples.detail["mine"], detail)
        self.assertTrue(samples.loc["mine", "windows":].isna().all())
        summary = support.read_csv(self.out / "summary.csv")
        self.assertEqual(set(summary.allocator), {"glibc", "none"})

    def test_a_library_that_replaces_only_a_part_of_malloc_is_not_injected(self) -> None:
        library = support.compile_library(self.folder, "partial", PARTIAL_MALLOC)
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"posix_memalign resolves into .*libc\.so.*, expected {library}$")

    def test_a_library_that_the_linker_only_warns_of_is_not_injected(self) -> None:
        content = bytearray(support.REFERENCE.read_bytes())
        content[EI_OSABI] = NO_OS
        library = self.folder / "foreign.so"
        library.write_bytes(content)
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"malloc resolves into .*libc\.so.*, expected {library}$")

    def test_a_library_that_misses_another_one_fails_by_name(self) -> None:
        lacking = support.compile_library(self.folder, "lacking", "int lacking;\n",
                                          ["-Wl,-soname,libstackheap-lacking.so.1"])
        library = support.compile_library(self.folder, "needy", PARTIAL_MALLOC,
                                          ["-Wl,--no-as-needed", str(lacking)])
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "crashed", r"^exit code 127: .*libstackheap-lacking\.so\.1")

    def test_a_worker_that_loses_its_preload_is_caught(self) -> None:
        wrapper = self.folder / "worker"
        wrapper.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec "{support.WORKER}" "$@"\n')
        wrapper.chmod(0o755)
        library = self.folder / "mine.so"
        shutil.copy2(support.REFERENCE, library)
        samples = self.run_with("--worker", wrapper, "--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"malloc resolves into .*libc\.so.*, expected {library}$")

    def test_a_sound_library_of_the_users_own_is_measured(self) -> None:
        folder = self.folder / "with blank:and $dollar"
        folder.mkdir()
        library = folder / "mine.so"
        shutil.copy2(support.REFERENCE, library)
        samples = self.run_with("--allocator", f"mine={library}")
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        self.assertEqual(samples.status["mine"], "ok", samples.detail["mine"])
        document = json.loads((self.out / "run.json").read_text())
        mine = next(entry for entry in document["allocators"] if entry["name"] == "mine")
        self.assertEqual((mine["origin"], len(mine["libraries"])), ("user", 1))
        self.assertEqual(Path(mine["libraries"][0]["path"]), library.resolve())

    def test_the_log_of_a_failed_sample_repeats_it_with_its_environment(self) -> None:
        library = support.compile_library(self.folder, "partial", PARTIAL_MALLOC)
        self.run_with("--allocator", f"mine={library}", "--allocator-env", "mine", "MINE=a b")
        log = next((self.out / "logs").iterdir()).read_text()
        self.assertRegex(log, rf"\nrepeat: MINE='a b' LD_PRELOAD={library} .*--cell '{{")


if __name__ == "__main__":
    unittest.main()
