"""Includes point one way: a layer includes itself and what harness/CMakeLists.txt links into it, and
a suite includes itself, what suites share, and the worker's side of the harness."""

from __future__ import annotations

import re
import unittest
from pathlib import Path
from typing import Iterator

from support import SOURCE

HARNESS = SOURCE / "harness"
SUITES = SOURCE / "suites"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)

# Which allocator a workload runs on is none of its business.
NOT_FOR_SUITES = {"allocators"}


def without_comments(cmake: str) -> str:
    return re.sub(r"#.*", "", cmake)


def links_of(cmake: str) -> dict[str, set[str]]:
    """Library -> the libraries of ours that it links, itself not among them."""
    links: dict[str, set[str]] = {}
    for name, rest in re.findall(r"stackheap_layer\((\w+)\s+LINK\s([^)]*)\)", cmake):
        links[f"stackheap_{name}"] = set(re.findall(r"stackheap_\w+", rest))
    for name, rest in re.findall(r"target_link_libraries\((\w+)\s+PUBLIC\s([^)]*)\)", cmake):
        if name.startswith("stackheap_"):
            links.setdefault(name, set()).update(re.findall(r"stackheap_\w+", rest))
    return links


def closure(library: str, links: dict[str, set[str]]) -> set[str]:
    """The library and all that it links, directly or not."""
    found: set[str] = set()
    waiting = [library]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(links.get(name, set()))
    return found


def part_headers(cmake: str) -> dict[str, list[str]]:
    """Library -> its headers, for libraries that are a part of a layer's folder: a list of sources
    NAME_sources, and add_library(NAME STATIC ${that list})."""
    parts = {}
    for library, variable in re.findall(
        r"add_library\((stackheap_\w+)\s+STATIC\s+\$\{(\w+)\}\)", cmake
    ):
        listed = re.search(rf"set\({variable}\s([^)]*)\)", cmake)
        if listed is not None:
            parts[library] = [
                "harness/" + source.removesuffix(".cpp") + ".hpp" for source in listed.group(1).split()
            ]
    return parts


class Layers:
    """What may be included where, from the text of harness/CMakeLists.txt."""

    def __init__(self, cmake: str) -> None:
        cmake = without_comments(cmake)
        self.names = re.findall(r"stackheap_layer\((\w+)\s+LINK\s", cmake)
        self.links = links_of(cmake)
        self.parts = part_headers(cmake)

    def may_include(self, layer: str, header: str) -> bool:
        libraries = closure(f"stackheap_{layer}", self.links)
        if any(header in self.parts.get(library, []) for library in libraries):
            return True
        return any(
            header.startswith(f"harness/{name}/")
            for name in self.names
            if f"stackheap_{name}" in libraries
        )


def source_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".cpp", ".hpp"))


def includes_of(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text())


def includes_below(folder: Path) -> Iterator[tuple[str, str]]:
    for path in source_files(folder):
        for header in includes_of(path):
            yield str(path.relative_to(SOURCE)), header


class IncludeDirectionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.layers = Layers((HARNESS / "CMakeLists.txt").read_text())

    def test_the_build_file_names_every_folder_of_the_harness(self) -> None:
        folders = {path.name for path in HARNESS.iterdir() if path.is_dir()}
        self.assertEqual(set(self.layers.names), folders)
        self.assertIn("base", folders)

    def test_a_layer_links_only_layers_above_it_in_the_list(self) -> None:
        for position, name in enumerate(self.layers.names):
            libraries = closure(f"stackheap_{name}", self.layers.links)
            below = {f"stackheap_{later}" for later in self.layers.names[position + 1 :]}
            self.assertEqual(libraries & below, set(), name)

    def test_every_include_of_the_harness_points_to_a_layer_that_is_linked(self) -> None:
        seen = 0
        for file, header in includes_below(HARNESS):
            seen += 1
            layer = Path(file).parts[1]
            self.assertTrue(
                self.layers.may_include(layer, header),
                f'{file} includes "{header}", which harness/CMakeLists.txt does not link into '
                f"stackheap_{layer}",
            )
        self.assertGreater(seen, 300)

    def test_a_suite_includes_itself_what_is_shared_and_the_workers_side(self) -> None:
        with_workloads = {path.parent.name for path in SUITES.glob("*/*.cpp")}
        seen = 0
        for file, header in includes_below(SUITES):
            seen += 1
            top, folder = Path(header).parts[:2]
            if top == "suites":
                own = Path(file).parts[1]
                self.assertTrue(
                    folder == own or folder not in with_workloads,
                    f'{file} includes "{header}" of another suite',
                )
                continue
            self.assertTrue(
                self.layers.may_include("worker", header) and folder not in NOT_FOR_SUITES,
                f'{file} includes "{header}", which is not for workloads',
            )
        self.assertGreater(seen, 30)

    def test_every_include_exists_and_none_is_of_the_tests(self) -> None:
        for folder in (HARNESS, SUITES):
            for file, header in includes_below(folder):
                self.assertFalse(header.startswith("tests/"), f'{file} includes "{header}"')
                self.assertTrue((SOURCE / header).is_file(), f'{file} includes "{header}"')


class LayersTest(unittest.TestCase):
    """The reading of the build file, on one where the answers are known."""

    CMAKE = """
        # stackheap_layer(commented LINK stackheap_top)
        function(stackheap_layer name)
        stackheap_layer(base LINK fmt::fmt)
        stackheap_layer(model LINK stackheap_base)
        set(probe_sources tools/proof.cpp tools/tuning.cpp)
        add_library(stackheap_probe STATIC ${probe_sources})
        target_link_libraries(stackheap_probe PUBLIC stackheap_model dl)
        stackheap_layer(tools LINK stackheap_probe
                        EXCLUDE "/(proof|tuning)\\\\.cpp$")
        stackheap_layer(worker LINK stackheap_probe)
        stackheap_layer(top LINK stackheap_tools CLI11::CLI11)
    """

    def setUp(self) -> None:
        self.layers = Layers(self.CMAKE)

    def test_layers_are_read_in_order_without_comments(self) -> None:
        self.assertEqual(self.layers.names, ["base", "model", "tools", "worker", "top"])

    def test_a_layer_may_include_itself_and_what_it_links_also_indirectly(self) -> None:
        self.assertTrue(self.layers.may_include("model", "harness/model/cell.hpp"))
        self.assertTrue(self.layers.may_include("model", "harness/base/text.hpp"))
        self.assertTrue(self.layers.may_include("top", "harness/base/text.hpp"))

    def test_a_layer_may_not_include_what_links_it(self) -> None:
        self.assertFalse(self.layers.may_include("base", "harness/model/cell.hpp"))
        self.assertFalse(self.layers.may_include("worker", "harness/top/app.hpp"))
        self.assertFalse(self.layers.may_include("model", "cell.hpp"))

    def test_of_a_part_that_is_linked_only_its_own_headers_may_be_included(self) -> None:
        self.assertTrue(self.layers.may_include("worker", "harness/tools/proof.hpp"))
        self.assertFalse(self.layers.may_include("worker", "harness/tools/table.hpp"))
        self.assertTrue(self.layers.may_include("top", "harness/tools/table.hpp"))


if __name__ == "__main__":
    unittest.main()
