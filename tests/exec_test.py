"""`stackheap exec`: a program of the user's under every allocator. The programs are a few lines of C
each, whose use of memory, output and end are known."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from pathlib import Path

import pandas

from recomputed import median_ratio
from support import BUILD, FolderTest, compile_library, needs_allocators, read_csv, stackheap

REFERENCE = BUILD / "libstackheap-reference.so"
MEBIBYTE = 1 << 20

# Touches argv[1] MiB, prints a line, ends with the code argv[2].
TOUCH = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
  size_t size = (size_t)atoi(argc > 1 ? argv[1] : "1") << 20;
  char *block = malloc(size + 1);
  memset(block, 1, size + 1);
  printf("%d\n", block[size / 2]);
  return argc > 2 ? atoi(argv[2]) : 0;
}
"""
# Its output tells the allocator apart: glibc's blocks of 1 byte have room for 24.
USABLE = r"""
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) { printf("%zu\n", malloc_usable_size(malloc(1))); return 0; }
"""
ADDRESS = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) { printf("%p %p\n", malloc(1), (void *)main); return 0; }
"""
# Runs argv[1], without LD_PRELOAD if there is an argv[2].
PARENT = r"""
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (fork() == 0) {
    if (argc > 2) unsetenv("LD_PRELOAD");
    execl(argv[1], argv[1], (char *)0);
    _exit(9);
  }
  int status = 0;
  wait(&status);
  return WEXITSTATUS(status);
}
"""
# Dies of a null pointer where a block of 1 byte is not glibc's.
FRAGILE = r"""
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  if (getenv("TRY") == 0) return 0;
  if (malloc_usable_size(malloc(1)) != 24) *(volatile int *)0 = 1;
  return 0;
}
"""
ECHO = r"""
#include <stdio.h>
int main(int argc, char **argv) {
  int c, sum = 0;
  while ((c = getchar()) != EOF) sum += c;
  printf("%d", sum);
  for (int i = 0; i < argc; ++i) printf("|%s", argv[i]);
  return 0;
}
"""


@needs_allocators
class ExecTest(FolderTest):
    def program(self, name: str, source: str, *options: str) -> Path:
        compiler = shutil.which("cc")
        if compiler is None:
            self.skipTest("no C compiler")
        code = self.folder / f"{name}.c"
        code.write_text(source)
        program = self.folder / name
        subprocess.run([compiler, "-O1", "-fno-builtin", "-o", str(program), str(code), *options],
                       check=True)
        return program

    def exec(self, *words: object, options: tuple[object, ...] = (),
             allocators: tuple[str, ...] = ("glibc", "reference"), **keywords: object
             ) -> subprocess.CompletedProcess[str]:
        chosen = [word for name in allocators for word in ("--allocator", name)]
        return stackheap("exec", *chosen, "--rounds", "2", "--seed", "3", "--out", self.out,
                         *map(str, options), "--", *map(str, words), **keywords)

    def samples(self) -> pandas.DataFrame:
        return read_csv(self.out / "samples.csv")

    def refused(self, message: str, done: subprocess.CompletedProcess[str], code: int = 2) -> None:
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(message, done.stderr)
        self.assertFalse(self.out.exists())


class Measures(ExecTest):
    def test_a_sample_has_what_the_program_itself_used(self) -> None:
        program = self.program("touch", TOUCH)
        for mebibytes in (1, 200):
            done = self.exec(program, mebibytes)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = self.samples().query("kind == 'timed'")
            self.assertEqual(list(rows["status"]), ["ok"] * 4)
            self.assertEqual(sorted(rows["allocator"]), ["glibc", "glibc", "reference", "reference"])
            self.assertEqual(set(rows["workload"]), {"exec/touch"})
            # The driver is several times as large as the small one: a peak that was inherited from
            # whoever started it would be its.
            peak = rows["peak_rss_bytes"]
            self.assertTrue((peak > mebibytes * MEBIBYTE).all(), list(peak))
            self.assertTrue((peak < (mebibytes + 5) * MEBIBYTE).all(), list(peak))
            self.assertTrue((rows["minor_faults"] > 150).all())
            self.assertTrue((rows["wall_seconds"] > 0).all())
            cpu = rows["user_seconds"] + rows["system_seconds"]
            self.assertTrue((cpu <= rows["wall_seconds"] + 0.02).all())
            self.assertTrue(rows["ns_per_op"].isna().all())
            shutil.rmtree(self.out)

    def test_a_run_of_12_rounds_compares_ranks_and_has_twins_and_anchors(self) -> None:
        program = self.program("touch", TOUCH)
        done = stackheap("exec", "--allocator", "glibc", "--allocator", "reference", "--seed", "3",
                         "--out", self.out, "--", program, "8")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = self.samples()
        self.assertEqual(rows["kind"].value_counts().to_dict(),
                         {"timed": 24, "lead": 2, "twin": 12, "anchor": 4})
        # Anchors would take most of the time of so short a program; a lead follows them.
        self.assertEqual(set(rows.loc[rows["kind"].isin(["anchor", "lead"]), "round"]), {0, 8})
        times = rows[rows["kind"] == "timed"].pivot(index="round", columns="allocator",
                                                    values="wall_seconds")
        compared = read_csv(self.out / "comparisons.csv").set_index("metric")
        wanted = median_ratio(list(zip(times["reference"], times["glibc"])), 0.05)
        found = compared.loc["wall_seconds"]
        for name in ("ratio", "lower", "upper"):
            value = wanted.point if name == "ratio" else getattr(wanted, name)
            self.assertAlmostEqual(found[name], value, delta=1e-3 * value)
        self.assertIn("peak_rss_bytes", compared.index)
        self.assertIn("exec/touch, 1 thread: allocators of program, by wall_seconds", done.stdout)
        self.assertRegex(done.stdout, r"twins \(a cell beside itself, by wall_seconds\): \d of 1")
        document = json.loads((self.out / "run.json").read_text())
        self.assertEqual(document["profile"], "exec")
        self.assertEqual(document["program"]["command"], [str(program), "8"])
        self.assertEqual(len(document["program"]["sha256"]), 64)
        # What reads a run reads this one.
        self.assertEqual(stackheap("summarize", self.out).returncode, 0)

    def test_arguments_input_and_environment_reach_the_program_as_they_are(self) -> None:
        program = self.program("echo", ECHO)
        text = self.folder / "in put"
        text.write_text("ab")
        words = ["--allocator", "x", "--", "[a,b]", "", "two words", "-h"]
        done = self.exec(program, *words, options=("--input", text))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.samples().query("status == 'ok' and kind == 'timed'")), 4)
        shutil.rmtree(self.out)
        # That it printed just this shows in the command that repeats it.
        done = self.exec(program, *words, options=("--input", text, "--exit-code", "5"))
        repeat = done.stderr.split("Repeat it with: ")[1].strip()
        printed = subprocess.run(["bash", "-c", repeat], capture_output=True, text=True, check=True)
        self.assertEqual(printed.stdout.split("|")[0], str(ord("a") + ord("b")))
        self.assertEqual(printed.stdout.split("|")[2:], words)

    def test_two_builds_of_a_library_and_a_gate(self) -> None:
        program = self.program("touch", TOUCH)
        done = self.exec(program, "1", allocators=(f"old={REFERENCE}", f"new={REFERENCE}"),
                         options=("--fail-on", "higher=50%", "--metric", "peak_rss_bytes",
                                  "--format", "csv"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("exec/touch", done.stdout)


class Checks(ExecTest):
    def test_an_exit_code_that_is_not_the_expected_one_stops_before_anything_is_measured(self) -> None:
        program = self.program("touch", TOUCH)
        self.refused("exit code 7, expected 0", self.exec(program, "1", "7"), 1)
        done = self.exec(program, "1", "7", options=("--exit-code", "7"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_another_output_under_another_allocator_is_told(self) -> None:
        program = self.program("usable", USABLE)
        self.refused("under reference is not that under glibc", self.exec(program), 1)
        done = self.exec(program, options=("--ignore-output",))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_output_that_always_differs_is_not_compared_and_told_once(self) -> None:
        done = self.exec(self.program("address", ADDRESS))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("its output differs from one execution to the next"), 1)

    def test_a_crash_under_one_allocator_is_no_fast_time(self) -> None:
        done = self.exec(self.program("fragile", FRAGILE), env={"TRY": "1"})
        self.refused("under reference: signal SIGSEGV", done, 1)

    def test_an_end_that_comes_later_fails_its_sample(self) -> None:
        # Fails from the fourth execution on: the three that check it end well.
        counter = self.folder / "counter"
        script = self.folder / "later"
        script.write_text(f'#!/bin/sh\necho x >> "{counter}"\n'
                          f'[ $(wc -l < "{counter}") -le 4 ] || exit 3\n')
        script.chmod(0o755)
        done = self.exec(script)
        self.assertEqual(done.returncode, 1, done.stdout)
        rows = self.samples().query("workload == 'exec/later'")
        failed = rows[rows["status"] != "ok"]
        self.assertGreater(len(failed), 0)
        self.assertEqual(set(failed["status"]), {"failed_check"})
        self.assertIn("exit code 3, expected 0", set(failed["detail"]))
        self.assertTrue(failed["wall_seconds"].isna().all())
        log = (self.out / "logs" / f"{failed['sample'].iloc[0]}.log").read_text()
        self.assertIn(str(script), log)


class Injection(ExecTest):
    def test_a_child_that_lost_the_library_is_found(self) -> None:
        child = self.program("child", "int main(void) { return 0; }")
        parent = self.program("parent", PARENT)
        done = self.exec(parent, child)
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.rmtree(self.out)
        done = self.exec(parent, child, "without")
        self.refused(f"{child} ran without {REFERENCE.resolve()}", done, 1)

    def test_a_static_child_is_found(self) -> None:
        child = self.program("child", "int main(void) { return 0; }", "-static")
        self.refused(f"{child} is linked statically", self.exec(self.program("parent", PARENT), child), 1)

    def test_a_program_that_brings_a_malloc_is_not_measured_as_glibc(self) -> None:
        library = compile_library(self.folder, "libown", r"""
            #include <stddef.h>
            extern void *__libc_malloc(size_t);
            void *malloc(size_t size) { return __libc_malloc(size); }""")
        program = self.program("linked", TOUCH, f"-L{self.folder}", "-Wl,--no-as-needed", "-l:libown.so",
                               f"-Wl,-rpath,{self.folder}")
        self.refused(f"loads {library}, which has a malloc of its own", self.exec(program, "1"), 1)

    def test_what_cannot_be_preloaded_is_refused_with_the_reason(self) -> None:
        static = self.program("static", TOUCH, "-static")
        own = self.program("own", TOUCH + "\nvoid *malloc(size_t n) { return calloc(1, n); }",
                           "-rdynamic")
        setuid = self.program("setuid", TOUCH)
        setuid.chmod(0o4755)
        script = self.folder / "script"
        script.write_text(f"#!{static}\n")
        script.chmod(0o755)
        plain = self.folder / "plain"
        plain.write_text("echo")
        lost = self.folder / "lost"
        lost.write_text("#!/no/interpreter\n")
        lost.chmod(0o755)
        for words, message in (
            ((static, "1"), f"{static} is linked statically"),
            ((own, "1"), f"{own} defines malloc itself"),
            ((setuid, "1"), f"{setuid} is set-uid, so the dynamic linker ignores LD_PRELOAD"),
            ((script,), f"{static} is linked statically"),
            ((plain,), "this is no program"),
            ((lost,), "names an interpreter that is no program: /no/interpreter"),
            ((self.folder / "nothing",), "there is no such file"),
            (("stackheap-no-such-program",), "no folder of PATH has such a program"),
            ((), "exec needs a program after `--`"),
        ):
            with self.subTest(message=message):
                self.refused(message, self.exec(*words))

    def test_mistakes_of_the_command_line_are_named(self) -> None:
        for options, message in (
            (("--input", "/nothing"), "--input /nothing: there is no such file"),
            (("--exit-code", "256"), "--exit-code 256: expected 0 to 255"),
            (("--baseline", "jemalloc"), "--baseline jemalloc: it is not among"),
            (("--profile", "quick"), "--profile"),
        ):
            with self.subTest(message=message):
                self.refused(message, self.exec("true", options=options))
        done = stackheap("doctor", "--", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("only exec takes a program after `--`", done.stderr)


if __name__ == "__main__":
    unittest.main()
