"""The instrumented round with the real programs: what it counts, what it may not touch, and how it
is told where it cannot count."""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import struct
import subprocess
import unittest

import pandas

from support import (BUILD, DEADLINE_SECONDS, DRIVER, FolderTest, WORKER, compile_library,
                     environment, needs_allocators, read_csv, stackheap)

EVENTS = ["futex_waits", "kernel_lock_waits", "cycles", "instructions", "cache_misses"]
NOBODY = 65534
TELLS = "some metrics stay empty here"

# Mounts tracefs in a namespace of its own, so that nothing of the machine is changed.
MOUNTED = ("unshare", "--mount", "sh", "-c",
           'mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing; exec "$@"',
           "sh")

# malloc from free lists by size class: one set of lists behind one lock, or one set per thread.
ALLOCATOR = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct block { struct block *next; size_t class; };  /* before what the caller gets */

#ifdef LOCKED
/* First come, first served: of a mutex one thread may take many turns before the other wakes. */
static atomic_int next_ticket, serving;
#define PLACE static
static void enter(void) {
  int ticket = atomic_fetch_add(&next_ticket, 1);
  for (int now; (now = atomic_load(&serving)) != ticket;)
    syscall(SYS_futex, &serving, FUTEX_WAIT_PRIVATE, now, 0, 0, 0);
  /* Its holder sleeps, so that the others find it taken on however busy a machine. */
  nanosleep(&(struct timespec){0, 20000}, 0);
}
static void leave(void) {
  atomic_fetch_add(&serving, 1);
  syscall(SYS_futex, &serving, FUTEX_WAKE_PRIVATE, 1000, 0, 0, 0);
}
#else
#define PLACE static __thread __attribute__((tls_model("initial-exec")))
static void enter(void) {}
static void leave(void) {}
#endif
PLACE struct block *lists[64];
PLACE char *chunk, *chunk_end;

static void *carve(size_t bytes) {
  if ((size_t)(chunk_end - chunk) < bytes) {
    size_t size = bytes > (1 << 22) ? bytes : (1 << 22);
    char *fresh = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return 0;
    chunk = fresh;
    chunk_end = fresh + size;
  }
  void *result = chunk;
  chunk += bytes;
  return result;
}

void *malloc(size_t size) {
  size_t class = 5;
  while (((size_t)1 << class) < size + sizeof(struct block)) ++class;
  enter();
  struct block *block = lists[class];
  if (block) lists[class] = block->next;
  else if ((block = carve((size_t)1 << class))) block->class = class;
  leave();
  return block ? block + 1 : 0;
}
/* An aligned block is inside a larger one, whose address stands before it with class 0. */
static struct block *whole(void *pointer) {
  struct block *block = (struct block *)pointer - 1;
  return block->class ? block : block->next;
}
void free(void *pointer) {
  if (!pointer) return;
  struct block *block = whole(pointer);
  enter();
  block->next = lists[block->class];
  lists[block->class] = block;
  leave();
}
void *calloc(size_t count, size_t size) {
  void *result = malloc(count * size);
  return result ? memset(result, 0, count * size) : 0;
}
void *realloc(void *old, size_t size) {
  void *result = malloc(size);
  if (!old || !result) return result;
  struct block *block = whole(old);
  size_t had = ((size_t)1 << block->class) - (size_t)((char *)old - (char *)block);
  memcpy(result, old, had < size ? had : size);
  free(old);
  return result;
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  char *memory = malloc(size + alignment + sizeof(struct block));
  if (!memory) return ENOMEM;
  uintptr_t at = ((uintptr_t)memory + sizeof(struct block) + alignment - 1) & ~(alignment - 1);
  struct block *inner = (struct block *)at - 1;
  inner->next = (struct block *)memory - 1;
  inner->class = 0;
  *result = (void *)at;
  return 0;
}
void *aligned_alloc(size_t alignment, size_t size) {
  void *result = 0;
  return posix_memalign(&result, alignment, size) ? 0 : result;
}
void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
"""


def can_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    listing = subprocess.run([*MOUNTED, "cat", "/sys/kernel/tracing/events/syscalls/sys_enter_futex/id"],
                             capture_output=True, check=False)
    return listing.returncode == 0


def counts_events() -> bool:
    """Whether the driver can count futex waits once tracefs is mounted."""
    if not can_mount():
        return False
    listing = subprocess.run([*MOUNTED, DRIVER, "list", "metrics", "--csv"], capture_output=True,
                             text=True, env=environment(), check=True)
    rows = pandas.read_csv(io.StringIO(listing.stdout)).set_index("metric")
    return bool(pandas.isna(rows.loc["futex_waits", "empty here"]))


def deny_perf_event_open() -> None:
    """A seccomp filter of this process and its children: the system call does not exist."""
    load, jump_equal, give = 0x20, 0x15, 0x06
    numbers = {"x86_64": 298, "aarch64": 241}
    code = b"".join(struct.pack("HBBI", *one) for one in (
        (load, 0, 0, 0), (jump_equal, 0, 1, numbers[os.uname().machine]),
        (give, 0, 0, 0x00050000 | 38), (give, 0, 0, 0x7FFF0000)))
    instructions = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0 or libc.prctl(seccomp, filter_mode, program) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@needs_allocators
class InstrumentedRound(FolderTest):
    def run_pair(self, *arguments: str, prefix: tuple[str, ...] = (), **options: object
                 ) -> subprocess.CompletedProcess[str]:
        chosen = ("--workload", "heap/pair", "--variant", "malloc", *arguments)
        done = subprocess.run(
            [*prefix, str(DRIVER), "run", *chosen, "--out", str(self.out)], capture_output=True,
            text=True, env=environment(), timeout=DEADLINE_SECONDS, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def samples(self) -> pandas.DataFrame:
        return read_csv(self.out / "samples.csv")

    def instrumented(self) -> dict[str, object]:
        return json.loads((self.out / "run.json").read_text())["instrumented"]

    @unittest.skipUnless(counts_events(), "needs root, tracefs and perf_event_open")
    def test_every_cell_has_one_sample_right_after_round_0(self) -> None:
        self.run_pair("--rounds", "2", "--threads", "1", "--allocator", "glibc", "--allocator",
                      "jemalloc", prefix=MOUNTED)
        rows = self.samples()
        rows = rows[rows["kind"].isin(["timed", "instrumented"])].reset_index(drop=True)
        self.assertEqual(list(rows["kind"]), ["timed"] * 2 + ["instrumented"] * 2 + ["timed"] * 2)
        probed = rows[rows["kind"] == "instrumented"]
        self.assertEqual(list(probed["round"]), [0, 0])
        self.assertEqual(set(probed["seed"]), set(rows[:2]["seed"]))
        self.assertTrue(probed["futex_waits"].notna().all())
        self.assertTrue(rows[rows["kind"] == "timed"]["futex_waits"].isna().all())
        by_allocator = probed.set_index("allocator")
        self.assertGreater(by_allocator.loc["jemalloc", "allocator_lock_ops"], 0)
        self.assertTrue(pandas.isna(by_allocator.loc["glibc", "allocator_lock_ops"]))
        self.assertGreater(by_allocator.loc["glibc", "allocator_mapped_bytes"], 0)
        self.assertTrue((rows["arenas"] > 0).all())
        self.assertEqual(self.instrumented()["samples"], 2)
        summary = read_csv(self.out / "summary.csv")
        counted = summary[summary["metric"] == "futex_waits"]
        self.assertEqual(list(counted["samples"]), [1, 1])
        self.assertEqual(list(counted["planned"]), [1, 1])
        self.assertTrue(counted["lower"].isna().all())
        timed = summary[(summary["metric"] == "ns_per_op") & (summary["suite"] != "anchor")]
        self.assertEqual(list(timed["samples"]), [2, 2])

    @unittest.skipUnless(counts_events(), "needs root, tracefs and perf_event_open")
    def test_what_an_allocator_says_of_itself_is_there_for_those_that_say_it(self) -> None:
        columns = ["allocator_lock_ops", "allocator_lock_waits", "allocator_mapped_bytes", "arenas"]
        says = {"glibc": columns[2:], "jemalloc": columns, "mimalloc": columns[2:3],
                "tcmalloc": columns[2:3], "tbbmalloc": [], "scudo": []}
        listed = pandas.read_csv(io.StringIO(stackheap("list", "allocators", "--csv").stdout))
        available = set(listed[listed["state"] == "available"]["allocator"]) & says.keys()
        chosen = [option for name in sorted(available) for option in ("--allocator", name)]
        self.run_pair("--profile", "smoke", "--threads", "2", *chosen, prefix=MOUNTED)
        rows = self.samples()
        rows = rows[rows["kind"] == "instrumented"].set_index("allocator")
        self.assertEqual(set(rows.index), available)
        for name in available:
            given = [column for column in columns if not pandas.isna(rows.loc[name, column])]
            self.assertEqual(given, says[name], name)
            if "allocator_mapped_bytes" in given:
                held, peak = rows.loc[name, ["allocator_mapped_bytes", "peak_live_bytes"]]
                self.assertGreaterEqual(held, peak, name)

    def test_a_time_in_an_instrumented_row_changes_nothing(self) -> None:
        self.run_pair("--rounds", "6", "--threads", "1", "--allocator", "glibc", "--allocator",
                      "jemalloc", "--profile", "smoke")
        files = ["summary.csv", "comparisons.csv", "scaling.csv"]
        before = [(self.out / name).read_bytes() for name in files]
        path = self.out / "samples.csv"
        rows = pandas.read_csv(path, dtype=str, keep_default_na=False)
        probed = rows["kind"] == "instrumented"
        self.assertGreater(probed.sum(), 0)
        for column in ("ns_per_op", "ns_per_op_min", "thread_ns_per_op", "cpu_ns_per_op",
                       "ops_per_second", "peak_rss_bytes", "minor_faults"):
            self.assertTrue((rows.loc[probed, column] != "").all(), column)
            rows.loc[probed, column] = "123456789"
        rows.to_csv(path, index=False)
        self.assertEqual(stackheap("summarize", self.out).returncode, 0)
        self.assertEqual([(self.out / name).read_bytes() for name in files], before)
        # The same edit of a timed row is seen.
        rows.loc[~probed, "ns_per_op"] = "123456789"
        rows.to_csv(path, index=False)
        self.assertEqual(stackheap("summarize", self.out).returncode, 0)
        self.assertNotEqual((self.out / "summary.csv").read_bytes(), before[0])

    def assert_told_once_and_empty(self, done: subprocess.CompletedProcess[str], why: str) -> None:
        self.assertEqual(done.stderr.count(TELLS), 1, done.stderr)
        self.assertIn(why, done.stderr)
        described = self.instrumented()
        self.assertEqual(described["available"], [])
        self.assertEqual([entry["metric"] for entry in described["missing"]], EVENTS)
        rows = self.samples()
        self.assertTrue(rows[EVENTS].isna().all().all())
        self.assertTrue((rows["status"] == "ok").all())
        # An allocator that counts its own locks still gets its sample; glibc would have nothing.
        self.assertEqual(list(rows[rows["kind"] == "instrumented"]["allocator"]), ["jemalloc"])
        self.assertEqual(described["samples"], 1)

    TWO = ("--profile", "smoke", "--threads", "1", "--allocator", "glibc", "--allocator", "jemalloc")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become nobody")
    def test_without_permission_the_columns_are_empty_and_it_is_said_once(self) -> None:
        if not os.access(BUILD, os.X_OK):
            self.skipTest("the build folder is closed")
        os.chmod(self.folder, 0o777)
        prefix = (*MOUNTED, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        # By a shell: setpriv itself may still enter folders that are closed to nobody.
        reach = [*prefix, "sh", "-c", '"$0" --help', str(WORKER)]
        if subprocess.run(reach, capture_output=True, check=False).returncode:
            self.skipTest("nobody cannot run the worker here, or there is no unshare or setpriv")
        done = self.run_pair(*self.TWO, prefix=prefix)
        self.assert_told_once_and_empty(done, "run as root")

    @unittest.skipUnless(os.uname().machine in ("x86_64", "aarch64"), "knows no other's system calls")
    def test_under_seccomp_the_columns_are_empty_and_it_is_said_once(self) -> None:
        prefix = MOUNTED if can_mount() else ()
        if not prefix:
            self.skipTest("cannot mount tracefs")
        done = self.run_pair(*self.TWO, prefix=prefix, preexec_fn=deny_perf_event_open)
        self.assert_told_once_and_empty(done, "seccomp profile has no perf_event_open")

    def test_an_allocator_with_one_lock_waits_and_one_without_does_not(self) -> None:
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("needs two CPUs")
        arguments = ["--rounds", "3", "--threads", "2"]
        for name, options in (("locked", ["-DLOCKED"]), ("free", [])):
            library = compile_library(self.folder, name, ALLOCATOR, options)
            arguments += ["--allocator", f"{name}={library}"]
        counts = counts_events()
        # In smoke each sample finds its own number of operations: no pilot of another allocator sets
        # one that takes minutes under the lock.
        self.run_pair("--profile", "smoke", *arguments, "--allocator", "glibc",
                      prefix=MOUNTED if counts else ())
        self.assertTrue((self.samples()["status"] == "ok").all())
        summary = read_csv(self.out / "summary.csv").set_index(["metric", "allocator"])["estimate"]
        # Two threads that do nothing but take the lock find it taken; without one there is nothing
        # to wait for but the test machine's other load.
        self.assertLess(summary["voluntary_switches", "free"], 0.001)
        self.assertGreater(summary["blocked_ns_per_op", "locked"],
                           10 * abs(summary["blocked_ns_per_op", "free"]))
        if counts:
            self.assertGreater(summary["futex_waits", "locked"], 0.1)
            self.assertLess(summary["futex_waits", "free"], 0.001)


class ReadingProbesNothing(unittest.TestCase):
    CELL = {"workload": "heap/pair", "variant": "malloc", "parameter": 64, "threads": 1, "seed": 1,
            "share": 1000, "windows": 3, "warm_up_minimum": 1, "warm_up_maximum": 1,
            "pilot_target_ns": 1_000_000, "oversubscribed": False, "instrumented": False,
            "wall_clock_only": True, "cpus": [], "expected_files": [], "prove_allocator": False}

    def worker(self, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(WORKER), "--cell", json.dumps(self.CELL), "--result-fd", "1"],
                              capture_output=True, text=True, env=environment(extra), check=False)

    def test_a_wall_clock_only_cell_reports_no_metric_that_it_did_not_read(self) -> None:
        done = self.worker()
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [metric["name"] for metric in json.loads(done.stdout)["metrics"]]
        self.assertEqual(names, ["ns_per_op", "ns_per_op_min", "ns_per_op_mean", "ns_per_op_p90",
                                 "worker_seconds"])

    def test_a_sample_of_a_run_may_not_ask_for_it(self) -> None:
        done = self.worker(STACKHEAP_PADDING="xx")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("wall_clock_only", done.stderr)


if __name__ == "__main__":
    unittest.main()
