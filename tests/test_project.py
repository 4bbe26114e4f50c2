"""The project keeps its own promises: one environment in three files, cheap imports, rooms that stay apart."""

import ast
import graphlib
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from rattler import MatchSpec

import helper_utils

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "jupyter-client": "jupyter_client", "playwright": "playwright-python"}
PACKAGE = ROOT / "helper_utils"
FOUNDATION = {"base", "data"}
TOPICS = {path.parent.name for path in PACKAGE.glob("*/exercises.py")}
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HEAVY = ["torch", "torchvision", "torchmetrics", "sklearn", "pandas", "matplotlib", "papermill", "optuna"]


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


def test_environment_yml_gives_the_same_packages_and_bounds():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [*dependencies, through_pip] = dependencies
    conda = {}
    for line in through_pip["pip"]:
        requirement = Requirement(line)
        conda[requirement.name] = sorted(str(requirement.specifier).split(","))
    for line in dependencies:
        spec = MatchSpec(line, strict=True)
        assert spec.name is not None
        conda[spec.name.normalized] = sorted(str(spec.version or "").split(","))
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    expected = {"python": [python], "pip": [""]}
    for requirement in declared():
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        expected[name] = sorted(str(requirement.specifier).split(","))
    assert conda == expected


def test_constraints_pin_every_package_exactly_and_name_no_host():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {}
    for line in lines:
        requirement = Requirement(line)  # fails on options and addresses
        assert requirement.url is None
        [specifier] = requirement.specifier
        assert specifier.operator == "=="
        pins.setdefault(requirement.name.lower(), []).append(specifier.version)
    for requirement in declared():
        versions = pins[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_everything_that_is_imported_is_declared():
    distributions = metadata.packages_distributions()
    names = {requirement.name for requirement in declared()} | {"helper-utils"}
    ours = {path.stem for path in ROOT.rglob("tests/*.py")} | {path.stem for path in ROOT.rglob("benchmarks/*.py")}
    for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("tests/*.py"), *ROOT.glob("benchmarks/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            for module in {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - ours:
                providers = {name.lower().replace("_", "-") for name in distributions.get(module, [module])}
                assert providers & names, f"{path} imports {module}, which pyproject.toml does not declare"


@pytest.mark.parametrize("name", dir(helper_utils))
def test_every_public_name_exists_and_is_documented(name):
    assert getattr(helper_utils, name).__doc__


def modules_after(code: str) -> set[str]:
    """The top-level packages that a fresh Python has loaded after some code."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import helper_utils", []),
        ("import helper_utils.data.directory", []),
        ("import helper_utils.course.cli", []),
        ("from helper_utils import claim, record", []),
        ("from helper_utils import load_dataset, train_model, evaluate_accuracy, set_seed", ["torch"]),
        ("import helper_utils.base.plots", ["matplotlib"]),
        ("from helper_utils.gradient_clipping import AdaptiveClip, plot_gradient_flow", ["torch"]),
    ],
)
def test_heavy_packages_load_only_where_used(code, allowed):
    assert modules_after(code) & set(HEAVY) <= set(allowed)


def imported_rooms(path: Path) -> set[str]:
    """The modules and folders of the package, seen from its top, that a file of it imports."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            parents = path.relative_to(PACKAGE).parts[: -node.level] if node.level else ()
            module = ".".join((*parents, *filter(None, [(node.module or "").removeprefix("helper_utils.")])))
            if node.level or (node.module or "").startswith("helper_utils"):
                rooms |= {module.partition(".")[0]} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            rooms |= {parts[1] for parts in names if parts[0] == "helper_utils" and len(parts) > 1}
    return rooms


def test_rooms_import_only_from_rooms_below():
    numbers = {topic: number for number, _, topic in (path.stem.partition("_") for path in LESSONS)}
    assert numbers["metrics"] == "01"
    for path in PACKAGE.rglob("*.py"):
        room, *inside = path.relative_to(PACKAGE).parts
        match room:
            case "base" | "data":
                allowed = FOUNDATION
            case "teaching":
                allowed = {"teaching"}  # it finds the topics' files, and knows none by its name
            case "course":
                allowed = {"course", "teaching", *FOUNDATION}
            case _ if inside == ["exercises.py"]:
                allowed = {"teaching"}  # an answer is shown to the learner, so it builds on libraries only
            case _ if room in TOPICS:
                allowed = FOUNDATION | {topic for topic in TOPICS if numbers[topic] <= numbers[room]}
            case _:
                continue  # the package's own __init__ and __main__
        assert imported_rooms(path) <= allowed, path
    rooms = {path.name for path in PACKAGE.iterdir() if any(path.rglob("*.py"))}
    assert rooms == TOPICS | {"base", "data", "teaching", "course"}


def module_imports(path: Path) -> set[str]:
    """The modules of the package that a module of it imports, wherever in the file."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            here = path.relative_to(ROOT).parts
            start = ".".join(here[: -node.level]) + "." if node.level else ""
            module = (start + (node.module or "")).removesuffix(".")
            modules |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules


def test_no_module_imports_itself_by_way_of_others():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    graph = {name: module_imports(path) & set(names) - {name} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_course_runner_imports_no_torch():
    for path in (PACKAGE / "course").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) torch", path.read_text(), re.MULTILINE), path


def test_no_module_of_the_command_loads_torch_before_it_needs_it():
    files = [path for path in (PACKAGE / "course").rglob("*.py") if path.name != "__init__.py"]
    assert len(files) > 20
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    assert "torch" not in modules_after(f"import {', '.join(modules)}")


def test_no_test_imports_another_test_module():
    modules = {path.stem for path in (ROOT / "tests").glob("test_*.py")}
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not modules & {part for name in names for part in name.split(".")}, path


def test_a_process_that_the_tests_start_has_no_network():
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"  # an address kept for documentation
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "the tests have no network" in result.stderr


def test_the_makefile_explains_itself():
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for target in ("course", "test", "lab", "lint", "notebooks", "clean"):
        assert re.search(rf"make {target} +\w", result.stdout), target


def test_every_lesson_has_its_module_and_its_tests_under_one_name():
    for notebook in LESSONS:
        topic = notebook.stem.partition("_")[2]
        if topic in ("start_here", "capstone"):  # these two use the topics of the others
            continue
        assert len(list((PACKAGE / topic).glob("*.py"))) > 2  # beside __init__ and the exercises
        assert (ROOT / "tests" / f"test_{topic}.py").exists()


def test_the_readme_lists_every_lesson():
    readme = (ROOT / "README.md").read_text()
    for notebook in LESSONS:
        assert f"notebooks/{notebook.name}" in readme


def test_the_readme_quotes_a_tested_sentence_of_every_lesson():
    readme = (ROOT / "README.md").read_text()
    for notebook in LESSONS:
        [row] = [line for line in readme.splitlines() if f"(notebooks/{notebook.name})" in line]
        [sentence] = re.findall(r"\*(.+?)\*", row)
        assert sentence in stored_claims(notebook)


def stored_claims(notebook: Path) -> list[str]:
    outputs = [output for cell in json.loads(notebook.read_text())["cells"] for output in cell.get("outputs", [])]
    contents = [output.get("metadata", {}).get("helper_utils", {}) for output in outputs]
    return [content["claim"]["sentence"] for content in contents if "claim" in content]


def test_the_readme_says_how_many_claims_there_are():
    text = " ".join((ROOT / "README.md").read_text().split())
    [said] = re.findall(r"more than (\d+) claims", text)
    n_claims = sum(len(stored_claims(notebook)) for notebook in LESSONS)
    assert int(said) < n_claims <= int(said) + 100


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/README.md"])
def test_the_links_of_a_page_lead_to_files(name):
    page = ROOT / name
    targets = re.findall(r"\[[^]]*\]\(([^)\s]+)\)", page.read_text())
    assert targets or name == "CONTRIBUTING.md"
    for target in targets:
        if not target.startswith(("http", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_pictures_of_the_readme_are_small_and_have_their_words():
    pictures = re.findall(r'<img width="\d+" src="([^"]+)" alt="([^"]+)">', (ROOT / "README.md").read_text())
    assert len(pictures) == (ROOT / "README.md").read_text().count("<img") == 3
    for source, words in pictures:
        assert (ROOT / source).stat().st_size <= 100_000, source
        assert len(words.split()) >= 10, source
