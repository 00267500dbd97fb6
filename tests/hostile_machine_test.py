"""Machines that lack something: each leaves its columns empty or its cells unsupported, is told
once, and fails no run. What CPUID and schedstat alone decide is in the unit tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import Any, Iterator

import pandas

from support import (BUILD, DEADLINE_SECONDS, DRIVER, MARK, WORKER, FolderTest, cell_request,
                     command, compile_library, environment, needs_allocators, new_mark, read_csv,
                     sanitizer, stackheap, wait_until_gone, works, workloads)

NOBODY = 65534
CGROUPS = Path("/sys/fs/cgroup")
PAIR = ("run", "--profile", "smoke", "--workload", "heap/pair", "--variant", "malloc",
        "--allocator", "glibc")

# Each in a mount namespace of its own, so that nothing of the machine is changed.
MASKED = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
# Processes only: no stat, pressure, interrupts, meminfo, cpuinfo or loadavg.
PROCESSES_ONLY = ("unshare", "--mount", "sh", "-c",
                  'mount -t proc -o subset=pid proc /proc && exec "$@"', "sh")


def subjects_told(text: str) -> list[str]:
    """The subjects of the findings that a run told."""
    return re.findall(r"^(?:note|warning) +([^:]+): ", text, re.MULTILINE)


class HostileTest(FolderTest):
    def under(self, prefix: tuple[str, ...], *arguments: Any, **options: Any
              ) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*prefix, str(DRIVER), *map(str, arguments)], capture_output=True,
                              text=True, env=environment(), timeout=DEADLINE_SECONDS, check=False,
                              stdin=subprocess.DEVNULL, **options)

    def samples_of(self, done: subprocess.CompletedProcess[str]) -> pandas.DataFrame:
        self.assertEqual(done.returncode, 0, done.stderr)
        return read_csv(self.out / "samples.csv")

    def wrapper(self, script: str) -> Path:
        """A worker that does something before it becomes the real one."""
        path = self.folder / "worker.sh"
        path.write_text(f'#!/bin/sh\n{script} "{WORKER}" "$@"\n')
        path.chmod(0o755)
        return path

    def assert_empty(self, rows: pandas.DataFrame, *columns: str) -> None:
        for column in columns:
            self.assertTrue(rows[column].isna().all(), column)

    def assert_filled(self, rows: pandas.DataFrame, *columns: str) -> None:
        for column in columns:
            self.assertTrue(rows[column].notna().all(), column)

    def assert_times_add_up(self, rows: pandas.DataFrame) -> None:
        for row in rows.itertuples():
            parts = row.cpu_ns_per_op + row.run_queue_ns_per_op + row.blocked_ns_per_op
            self.assertAlmostEqual(parts, row.thread_ns_per_op, delta=1e-4 * row.thread_ns_per_op)


@unittest.skipIf(sanitizer() != "", "a sanitizer reads /proc itself")
class NoProc(HostileTest):
    @unittest.skipUnless(works(*MASKED), "needs root and mount namespaces")
    def test_a_worker_that_sees_no_proc_has_empty_columns_and_the_others_filled(self) -> None:
        worker = self.wrapper("exec unshare --mount sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh")
        rows = self.samples_of(stackheap(*PAIR, "--threads", "1", "--worker", worker, "--out", self.out))
        self.assertEqual(list(rows["status"]), ["ok"])
        self.assert_empty(rows, "run_queue_ns_per_op", "blocked_ns_per_op", "peak_rss_bytes",
                          "baseline_rss_bytes", "rss_per_live_byte", "mapped_regions")
        self.assert_filled(rows, "ns_per_op", "thread_ns_per_op", "cpu_ns_per_op", "minor_faults",
                           "voluntary_switches")
        self.assertTrue((rows["cpu_ns_per_op"] > 0).all())
        summary = read_csv(self.out / "summary.csv")
        self.assertIn("cpu_ns_per_op", set(summary["metric"]))

    @unittest.skipUnless(works(*MASKED), "needs root and mount namespaces")
    def test_a_driver_that_sees_no_proc_says_so_and_what_mends_it(self) -> None:
        done = self.under(MASKED, *PAIR, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
        self.assertIn("/proc/self/exe", done.stderr)
        self.assertIn("mount -t proc proc /proc", done.stderr)
        self.assertFalse(self.out.exists())

    @unittest.skipUnless(works(*PROCESSES_ONLY), "needs root, mount namespaces and Linux 5.8")
    def test_without_steal_pressure_and_interrupts_their_columns_are_empty_and_told_once(self) -> None:
        done = self.under(PROCESSES_ONLY, *PAIR, "--threads", "1,2", "--out", self.out)
        rows = self.samples_of(done)
        self.assertEqual(set(rows["status"]), {"ok"})
        self.assert_empty(rows, "steal_ns", "psi_cpu_us", "tlb_shootdowns")
        self.assert_filled(rows, "ns_per_op", "run_queue_ns_per_op", "blocked_ns_per_op",
                           "peak_rss_bytes", "mapped_regions")
        told = subjects_told(done.stderr)
        self.assertEqual([told.count(subject) for subject in ("pressure", "stolen time")], [1, 1],
                         done.stderr)
        self.assertNotIn("schedstat", told)

    @unittest.skipUnless(works(*PROCESSES_ONLY), "needs root, mount namespaces and Linux 5.8")
    def test_doctor_examines_a_machine_that_shows_next_to_nothing(self) -> None:
        for prefix in (PROCESSES_ONLY, MASKED):
            done = self.under(prefix, "doctor")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"(?m)^note +pressure: no /proc/pressure/cpu")
        self.assertRegex(done.stdout, r"(?m)^note +schedstat: no /proc/self/schedstat")
        self.assertIn("run_queue_ns_per_op and blocked_ns_per_op stay empty", done.stdout)


class NoInvariantTsc(HostileTest):
    def test_single_operations_are_not_timed_and_the_run_is_no_failure(self) -> None:
        done = stackheap("run", "--worker", BUILD / "tests" / "no_invariant_tsc", "--profile", "smoke",
                         "--workload", "latency/slots", "--workload", "heap/pair", "--allocator",
                         "glibc", "--threads", "1", "--out", self.out)
        rows = self.samples_of(done)
        timed = rows["workload"] == "latency/slots"
        self.assertGreater(timed.sum(), 0)
        self.assertEqual(set(rows[timed]["status"]), {"unsupported"})
        self.assert_empty(rows[timed], "ns_per_op", "p50", "p99", "max", "timer_ns_p50")
        (why,) = set(rows[timed]["detail"])
        self.assertRegex(why, "invariant|does not have")
        # Whatever is not timed by itself needs no counter.
        self.assertGreater((~timed).sum(), 0)
        self.assertEqual(set(rows[~timed]["status"]), {"ok"})
        self.assertNotIn("FAILED", done.stdout)
        self.assertEqual(done.stdout.count(f"{timed.sum()} samples could not run here: {why}"), 1)
        self.assertEqual(done.stdout.count(why), 1)
        self.assertEqual(len(read_csv(self.out / "latency.csv")), 0)


class FewerCpus(HostileTest):
    def requests(self) -> list[dict[str, Any]]:
        """The cells that were asked of a wrapper that notes its arguments."""
        return [json.loads(line) for line in (self.folder / "asked").read_text().splitlines()]

    def test_a_run_on_one_cpu_has_one_pinned_thread_and_two_that_share_it(self) -> None:
        cpu = min(os.sched_getaffinity(0))
        worker = self.wrapper(f'[ "$1" = --cell ] && printf "%s\\n" "$2" >> "{self.folder}/asked"\nexec')
        rows = self.samples_of(self.under(("taskset", "-c", str(cpu)), *PAIR, "--threads", "auto",
                                          "--worker", worker, "--out", self.out))
        rows = rows[rows["kind"] == "timed"].sort_values("threads")
        self.assertEqual(list(rows["status"]), ["ok", "ok"])
        self.assertEqual(list(rows["threads"]), [1, 2])
        self.assertEqual(list(rows["pinned"]), [1, 0])
        self.assertEqual(list(rows["oversubscribed"]), [0, 1])
        asked = {(cell["threads"], tuple(cell["cpus"])) for cell in self.requests()}
        self.assertEqual(asked, {(1, (cpu,)), (2, ())})

    def test_the_default_plan_of_one_cpu_has_one_thread_where_a_workload_allows(self) -> None:
        done = self.under(("taskset", "-c", str(min(os.sched_getaffinity(0)))), "run", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        cells = re.findall(r"^(\S+)/threads:(\d+) +(yes)?(.*)$", done.stdout, re.MULTILINE)
        self.assertGreater(len(cells), 10)
        for label, threads, _, note in cells:
            name = "/".join(label.split("/")[:2])
            self.assertEqual(int(threads), workloads()[name]["threads"]["minimum"], label)
            if not re.search(r"un(supported|available): ", note):
                self.assertEqual("more threads than CPUs" in note, int(threads) > 1, label)

    def test_a_cpu_that_is_not_there_makes_the_cell_unsupported(self) -> None:
        done = command(WORKER, "--cell", cell_request(
            workload="heap/pair", variant="malloc", parameter=64, cpus=[4095]), "--result-fd", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["status"], "unsupported")
        self.assertIn("cannot pin a thread to CPU 4095", result["detail"])
        self.assertIn("run with --pin none", result["detail"])

    @unittest.skipUnless(len(os.sched_getaffinity(0)) >= 2, "needs two CPUs")
    def test_a_cpu_that_vanishes_after_the_plan_was_made_is_told_and_no_failure(self) -> None:
        with cpuset_of_one_cpu() as group:
            worker = self.wrapper(f'echo $$ > "{group}/cgroup.procs"\nexec')
            chosen = (*PAIR, "--threads", "1,2", "--worker", worker)
            done = stackheap(*chosen, "--pin", "compact", "--out", self.out)
            rows = self.samples_of(done)
            rows = rows[rows["kind"] == "timed"].set_index("threads")
            self.assertEqual(rows["status"].to_dict(), {1: "ok", 2: "unsupported"})
            self.assertRegex(rows.loc[2, "detail"], r"cannot pin a thread to CPU \d+.*--pin none")
            self.assertEqual(done.stdout.count(rows.loc[2, "detail"]), 1, done.stdout)
            # As it advises.
            self.out = self.folder / "advised"
            rows = self.samples_of(stackheap(*chosen, "--pin", "none", "--out", self.out))
            self.assertEqual(set(rows["status"]), {"ok"})


def new_cgroup(folder: Path, settings: dict[str, str]) -> Path:
    """A new group with these settings; SkipTest where it cannot be had."""
    group = folder / f"stackheap-test-{os.getpid()}"
    try:
        group.mkdir()
        for name, value in settings.items():
            (group / name).write_text(value)
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise unittest.SkipTest(f"cannot make a cgroup: {error}") from error
    return group


@contextlib.contextmanager
def cpuset_of_one_cpu() -> Iterator[Path]:
    if (CGROUPS / "cpuset" / "cpuset.cpus").exists():
        folder = CGROUPS / "cpuset"
        nodes = (folder / "cpuset.mems").read_text().strip()
    else:
        folder, nodes = CGROUPS, ""  # version 2: all nodes
    first = str(min(os.sched_getaffinity(0)))
    group = new_cgroup(folder, {"cpuset.mems": nodes, "cpuset.cpus": first})
    try:
        yield group
    finally:
        group.rmdir()


@contextlib.contextmanager
def half_a_cpu() -> Iterator[Path]:
    if (CGROUPS / "cpu" / "cpu.cfs_quota_us").exists():
        group = new_cgroup(CGROUPS / "cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"})
    else:
        group = new_cgroup(CGROUPS, {"cpu.max": "50000 100000"})
    try:
        yield group
    finally:
        group.rmdir()


class HalfACpu(HostileTest):
    def test_a_quota_of_half_a_cpu_is_told_and_all_times_are_there(self) -> None:
        mark = new_mark()
        with half_a_cpu() as group:
            inside = ("sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh")
            done = subprocess.run([*inside, str(DRIVER), *PAIR, "--threads", "auto", "--out", str(self.out)],
                                  capture_output=True, text=True, env=environment(mark),
                                  timeout=DEADLINE_SECONDS, check=False)
            self.assertEqual(wait_until_gone(mark[MARK], 10), [])
        rows = self.samples_of(done)
        timed = rows[rows["kind"] == "timed"].sort_values("threads")
        self.assertEqual(list(timed["status"]), ["ok", "ok"])
        self.assertEqual(list(timed["threads"]), [1, 2])  # one usable CPU, and twice that
        self.assertEqual(list(timed["oversubscribed"]), [0, 1])
        self.assert_filled(timed, "cpu_ns_per_op", "run_queue_ns_per_op", "blocked_ns_per_op")
        self.assert_times_add_up(timed)
        told = subjects_told(done.stderr)
        self.assertEqual(told.count("CPU quota"), 1, done.stderr)
        self.assertIn("0.5 CPUs", done.stderr)


# The C library's malloc under names of its own, which makes it another allocator.
FORWARDING_MALLOC = r"""
#include <errno.h>
#include <stddef.h>
#include <string.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return __libc_realloc(old, size); }
void free(void *pointer) { __libc_free(pointer); }
void *memalign(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
"""
# jemalloc's interface where statistics were left out of the build.
NO_STATISTICS = FORWARDING_MALLOC + r"""
static int number(void *out, size_t *size, unsigned value) {
  if (!out || !size || *size != sizeof value) return EINVAL;
  memcpy(out, &value, sizeof value);
  return 0;
}
int mallctl(const char *name, void *out, size_t *size, void *in, size_t in_size) {
  (void)in, (void)in_size;
#ifdef KNOWS_ARENAS
  if (!strcmp(name, "arenas.narenas")) return number(out, size, 3);
  if (!strcmp(name, "arenas.nbins")) return number(out, size, 36);
  if (!strcmp(name, "arena.0.initialized") || !strcmp(name, "arena.2.initialized"))
    return *(_Bool *)out = 1, 0;
#endif
  (void)number;
  return ENOENT;
}
"""
ALLOCATOR_COLUMNS = ["allocator_lock_waits", "allocator_lock_ops", "allocator_mapped_bytes", "arenas"]


@needs_allocators
class AllocatorWithoutStatistics(HostileTest):
    def libraries(self) -> dict[str, tuple[Path, dict[str, str]]]:
        """Each with what it tells nevertheless."""
        return {
            "silent": (compile_library(self.folder, "silent", NO_STATISTICS), {}),
            "arenas": (compile_library(self.folder, "arenas", NO_STATISTICS, ["-DKNOWS_ARENAS"]),
                       {"arenas": "2"}),
            "plain": (compile_library(self.folder, "plain", FORWARDING_MALLOC), {}),
        }

    def test_a_run_leaves_their_columns_empty(self) -> None:
        libraries = self.libraries()
        chosen = [word for name, (path, _) in libraries.items()
                  for word in ("--allocator", f"{name}={path}")]
        done = stackheap("run", "--profile", "smoke", "--workload", "heap/pair", "--variant", "malloc",
                         *chosen, "--threads", "1", "--out", self.out)
        rows = self.samples_of(done)
        self.assertEqual(set(rows["allocator"]), libraries.keys())
        self.assertEqual(set(rows["status"]), {"ok"}, list(rows["detail"]))
        self.assert_empty(rows, *ALLOCATOR_COLUMNS[:3])
        arenas = {name: told.get("arenas", "") for name, (_, told) in libraries.items()}
        for row in rows.itertuples():
            found = "" if pandas.isna(row.arenas) else f"{row.arenas:.0f}"
            self.assertEqual(found, arenas[row.allocator], row.allocator)

    def test_an_instrumented_sample_asks_them_and_has_no_zeros_for_answers(self) -> None:
        for name, (path, told) in self.libraries().items():
            with self.subTest(library=name):
                request = cell_request(workload="heap/pair", variant="malloc", parameter=64,
                                       instrumented=True, prove_allocator=True,
                                       expected_files=[str(path)])
                done = command(WORKER, "--cell", request, "--result-fd", "1",
                               env={"LD_PRELOAD": str(path)})
                self.assertEqual(done.returncode, 0, done.stderr)
                result = json.loads(done.stdout)
                self.assertEqual(result["status"], "ok", result)
                said = {metric["name"]: metric["text"] for metric in result["metrics"]
                        if metric["name"] in ALLOCATOR_COLUMNS and metric["text"] != ""}
                self.assertEqual(said, told)


class UnprivilegedUser(HostileTest):
    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_an_ordinary_user_gets_a_whole_run(self) -> None:
        if subprocess.run(["test", "-x", str(DRIVER)], user=NOBODY, group=NOBODY, extra_groups=[],
                          check=False).returncode != 0:
            self.skipTest("this build is in a folder of which others see nothing")
        self.folder.chmod(0o777)
        done = self.under((), *PAIR, "--threads", "1", "--out", self.out, user=NOBODY, group=NOBODY,
                          extra_groups=[])
        rows = self.samples_of(done)
        self.assertEqual(set(rows["status"]), {"ok"})
        self.assertEqual(self.out.stat().st_uid, NOBODY)
        self.assert_filled(rows, "ns_per_op", "cpu_ns_per_op", "run_queue_ns_per_op",
                           "blocked_ns_per_op", "peak_rss_bytes", "mapped_regions")
        self.assert_times_add_up(rows)
        self.assertLessEqual(done.stderr.count("some metrics stay empty here"), 1)


if __name__ == "__main__":
    unittest.main()
