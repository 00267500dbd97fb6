"""scripts/lib/packages.sh and count.sh, with made-up dpkg, apt, sudo and ctest before the real ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
LIB = SOURCE / "scripts" / "lib"

# Answers as dpkg-query does for installed packages, and as it does for unknown ones.
DPKG_QUERY = """\
case "$*" in
  *'libclang-rt-*-dev'*) grep '^libclang-rt-' "$STATE/installed" | sed 's/$/ ii /'; exit 0 ;;
esac
for package in "$@"; do :; done
if grep -qx "$package" "$STATE/installed"; then printf 'ii '; exit 0; fi
if grep -qx "$package" "$STATE/removed"; then printf 'rc '; exit 0; fi
echo "no packages found matching $package" >&2
exit 1
"""
APT_GET = """\
echo "apt-get $*" >>"$STATE/calls"
case $1 in update) exit 0 ;; esac
[ ! -f "$STATE/apt-fails" ] || { echo 'E: Unable to locate a package' >&2; exit 100; }
if [ -f "$STATE/lists-are-old" ] && ! grep -q '^apt-get update' "$STATE/calls"; then exit 100; fi
"""
SUDO = """\
if [ "$1" = -n ]; then [ ! -f "$STATE/sudo-asks" ]; exit; fi
echo "sudo $*" >>"$STATE/calls"
"$@"
"""
TOOLS = ("grep", "sed", "sort", "tail", "head", "tr", "env", "cat", "rm")


class ShellCase(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.state = Path(temporary.name)
        self.bin = self.state / "bin"
        self.bin.mkdir()
        # Nothing but these: a fake that is left out must not be found further down the PATH.
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def fake(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(0o755)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True,
                              cwd=self.state, timeout=60, check=False,
                              env={"PATH": str(self.bin), "STATE": str(self.state)})


class EnsurePackages(ShellCase):
    def setUp(self) -> None:
        super().setUp()
        text = (LIB / "packages.sh").read_text()
        sets = dict(re.findall(r"^packages_(\w+)='([^']*)'", text, re.MULTILINE))
        self.build = sets["build"].split()
        self.lint = sets["lint"].split()
        self.run_set = [*sets["run"].split(), "libclang-rt-19-dev"]
        self.assertGreater(len(self.build), 10)
        self.installed([*self.build, *self.run_set, *self.lint])
        (self.state / "removed").write_text("")
        self.fake("dpkg-query", DPKG_QUERY)
        self.fake("apt-get", APT_GET)
        self.fake("apt-cache", 'echo "apt-cache $*" >>"$STATE/calls"\ncat "$STATE/offered"\n')
        (self.state / "offered").write_text("")
        self.user(0)

    def installed(self, packages: list[str]) -> None:
        (self.state / "installed").write_text("".join(f"{name}\n" for name in packages))

    def remove(self, *packages: str) -> None:
        self.installed([name for name in [*self.build, *self.run_set, *self.lint]
                        if name not in packages])

    def user(self, number: int) -> None:
        self.fake("id", f"echo {number}\n")

    def calls(self) -> list[str]:
        path = self.state / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def ensure(self, *sets: str) -> subprocess.CompletedProcess[str]:
        return self.shell(f". {LIB}/packages.sh; ensure_packages {' '.join(sets)}; echo went on")

    INSTALL = "apt-get install -y --no-install-recommends"

    def test_nothing_missing_is_silent_and_calls_nothing(self) -> None:
        result = self.ensure("build", "run", "lint")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "went on\n", ""))
        self.assertEqual(self.calls(), [])

    def test_root_installs_exactly_what_is_missing(self) -> None:
        self.remove("cmake", "libfmt-dev")
        result = self.ensure("build", "run")
        self.assertEqual((result.returncode, result.stdout), (0, "went on\n"))
        self.assertEqual(result.stderr, "installing cmake libfmt-dev\n")
        self.assertEqual(self.calls(), [f"{self.INSTALL} cmake libfmt-dev"])

    def test_what_another_set_lacks_is_not_installed(self) -> None:
        self.remove("cmake", "shellcheck")
        self.assertEqual(self.ensure("lint").returncode, 0)
        self.assertEqual(self.calls(), [f"{self.INSTALL} shellcheck"])

    def test_a_removed_package_whose_configuration_is_left_is_missing(self) -> None:
        self.remove("cmake")
        (self.state / "removed").write_text("cmake\n")
        self.assertEqual(self.ensure("build").returncode, 0)
        self.assertEqual(self.calls(), [f"{self.INSTALL} cmake"])

    def test_old_package_lists_are_refreshed_once(self) -> None:
        self.remove("cmake")
        (self.state / "lists-are-old").touch()
        result = self.ensure("build")
        self.assertEqual((result.returncode, result.stdout), (0, "went on\n"))
        self.assertEqual(self.calls(), [f"{self.INSTALL} cmake", "apt-get update",
                                        f"{self.INSTALL} cmake"])

    def test_a_user_with_sudo_installs_by_it(self) -> None:
        self.remove("cmake")
        self.user(1000)
        self.fake("sudo", SUDO)
        self.assertEqual(self.ensure("build").returncode, 0)
        self.assertEqual(self.calls(), [
            f"sudo env DEBIAN_FRONTEND=noninteractive {self.INSTALL} cmake",
            f"{self.INSTALL} cmake"])

    def test_a_user_without_sudo_or_with_one_that_asks_is_told_the_one_command(self) -> None:
        self.remove("cmake", "libfmt-dev")
        self.user(1000)
        for sudo in (False, True):
            if sudo:
                self.fake("sudo", SUDO)
                (self.state / "sudo-asks").touch()
            result = self.ensure("build")
            self.assertEqual((result.returncode, result.stdout), (3, ""))
            commands = [line for line in result.stderr.splitlines() if "apt-get" in line]
            self.assertEqual(commands, [
                f"  sudo apt-get update && sudo {self.INSTALL} cmake libfmt-dev"])
            self.assertEqual(self.calls(), [])

    def test_what_apt_cannot_install_is_named(self) -> None:
        self.remove("cmake", "libfmt-dev")
        (self.state / "apt-fails").touch()
        result = self.ensure("build")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("E: Unable to locate a package\n", result.stderr)
        self.assertEqual(result.stderr.splitlines()[-1],
                         "apt could not install these packages (its reason is above): "
                         "cmake libfmt-dev")

    def test_another_system_than_debian_is_told(self) -> None:
        (self.bin / "dpkg-query").unlink()
        result = self.ensure("build")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("no Debian system", result.stderr)
        self.assertIn("cmake --preset release", result.stderr)
        self.assertEqual(self.calls(), [])

    def test_a_set_that_does_not_exist_is_refused(self) -> None:
        result = self.ensure("biuld")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("unknown set 'biuld'", result.stderr)

    def test_the_newest_scudo_that_apt_offers_is_wanted_where_none_is_installed(self) -> None:
        self.remove("libclang-rt-19-dev")
        (self.state / "offered").write_text(
            "libclang-rt-dev\nlibclang-rt-9-dev\nlibclang-rt-16-dev\nlibclang-rt-14-dev-cross\n")
        self.assertEqual(self.ensure("run").returncode, 0)
        self.assertEqual(self.calls()[-1], f"{self.INSTALL} libclang-rt-16-dev")


REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="Linux-c++"
	tests="{tests}"
	failures="{failures}"
	disabled="{disabled}"
	skipped="{skipped}"
	hostname=""
	time="0"
	timestamp="2025-01-31T12:00:00"
	>
	<testcase name="a.b" status="run"><system-out>tests="99" failures="98"</system-out></testcase>
	{cases}
</testsuite>
"""


class CountTests(ShellCase):
    def setUp(self) -> None:
        super().setUp()
        for preset in ("one", "two"):
            (self.state / "build" / preset).mkdir(parents=True)
        (self.state / "scripts").mkdir()
        (self.state / "scripts" / "lib").symlink_to(LIB)

    def ctest_writes(self, preset: str, status: int = 0, failing: tuple[str, ...] = (),
                     **counts: int) -> None:
        """run_ctest removes an old report, so that the fake has to bring it."""
        cases = "\n\t".join(f'<testcase name="{name}" classname="{name}" time="1" status="fail">'
                            f"<system-out>before\n1 &lt; {name}\n\n</system-out></testcase>"
                            for name in failing)
        (self.state / f"{preset}.xml").write_text(
            REPORT.format(**{"tests": 0, "failures": 0, "disabled": 0, "skipped": 0, **counts},
                          cases=cases))
        self.fake("ctest", f'echo "$*" >>"$STATE/ctest"\n'
                           f'folder=$2\n[ ! -f "${{folder#build/}}.xml" ] || '
                           f'cat "${{folder#build/}}.xml" >"$folder/tests.xml"\nexit {status}\n')

    def counts(self, script: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        result = self.shell(f". {LIB}/count.sh; {script}; print_counts")
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()[-1], result

    def test_all_passed(self) -> None:
        self.ctest_writes("one", tests=350)
        line, _ = self.counts("run_ctest one -L unit")
        self.assertEqual(line, "350 passed, 0 failed, 0 skipped")
        self.assertIn("-L unit", (self.state / "ctest").read_text())

    def test_failures_and_skipped_and_disabled_tests_did_not_pass(self) -> None:
        self.ctest_writes("one", status=8, tests=10, failures=2, skipped=3, disabled=1)
        self.assertEqual(self.counts("run_ctest one")[0], "4 passed, 2 failed, 4 skipped")

    def test_what_failed_is_named_before_the_line_that_counts(self) -> None:
        self.ctest_writes("one", status=8, tests=3, failures=2, failing=("Csv.Reads", "Csv.Writes"))
        self.ctest_writes("two", status=8, tests=3, failures=1, failing=("Csv.Reads",))
        _, result = self.counts("run_ctest one; run_ctest two")
        self.assertEqual(result.stdout.splitlines()[-10:],
                         ["FAILED: one: Csv.Reads", "  before", "  1 < Csv.Reads",
                          "FAILED: one: Csv.Writes", "  before", "  1 < Csv.Writes",
                          "FAILED: two: Csv.Reads", "  before", "  1 < Csv.Reads",
                          "3 passed, 3 failed, 0 skipped"])

    def test_several_builds_and_steps_add_up(self) -> None:
        self.ctest_writes("one", tests=10, failures=1)
        self.ctest_writes("two", tests=5, skipped=5)
        line, result = self.counts("run_ctest one; run_ctest two; count_step good true; "
                                   "count_step bad false")
        self.assertEqual(line, "10 passed, 2 failed, 5 skipped")
        self.assertIn("FAILED: bad\n", result.stdout)
        self.assertNotIn("FAILED: good", result.stdout)

    def test_no_test_at_all_is_a_failure(self) -> None:
        self.ctest_writes("one", tests=0)
        line, result = self.counts("run_ctest one")
        self.assertEqual(line, "0 passed, 1 failed, 0 skipped")
        self.assertIn("FAILED: no test was run in build/one\n", result.stdout)

    def test_no_report_is_a_failure_even_where_an_old_one_lies_about(self) -> None:
        self.ctest_writes("one", tests=10)
        (self.state / "one.xml").rename(self.state / "build" / "one" / "tests.xml")
        line, result = self.counts("run_ctest one")
        self.assertEqual(line, "0 passed, 1 failed, 0 skipped")
        self.assertIn("FAILED: ctest wrote no report for build/one\n", result.stdout)


if __name__ == "__main__":
    unittest.main()
