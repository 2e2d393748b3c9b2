"""The project's metadata, its environment and its doors: pyproject.toml, environment.yml, make, CI."""

import importlib.metadata
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import setup_env
import yaml
from packaging.requirements import Requirement

import qlab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch-cpu"}


def conda_dependencies():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [Requirement(entry) for entry in listed if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return {entry.name: str(entry.specifier) for entry in conda}, pip


def test_environment_yml_has_the_ranges_of_pyproject():
    """Python and what the package itself needs come from conda, all else through the extras of pyproject.toml."""
    needed = {CONDA_NAMES[r.name]: str(r.specifier) for r in map(Requirement, PROJECT["dependencies"])}
    conda, pip = conda_dependencies()
    assert conda == {"python": PROJECT["requires-python"], "pip": "", **needed}
    assert pip == [f"-e .[{','.join(PROJECT['optional-dependencies'])}]"]


def test_the_package_needs_torch_alone():
    assert [Requirement(r).name for r in PROJECT["dependencies"]] == ["torch"]
    code = "import sys, torch; before = set(sys.modules); import qlab; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"qlab"}


def test_every_requirement_is_met_here():
    for text in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"]):
        requirement = Requirement(text)
        version = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(version, prereleases=True), f"{version} is outside {text}"


def test_the_package_that_is_tested_is_the_one_in_this_checkout():
    assert Path(qlab.__file__).parent == ROOT / "qlab"


@pytest.mark.parametrize(
    ("version", "kept"),
    [("2.6.0", True), ("2.13.0+cpu", True), ("2.15.0.dev20260101", True), ("2.5.1", False), (None, False)],
    ids=["lowest", "local-build", "nightly", "too-old", "missing"],
)
def test_a_torch_that_fits_is_kept(monkeypatch, version, kept):
    def installed(name):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(setup_env.metadata, "version", installed)
    wanted = setup_env.torch_requirement(ROOT / "pyproject.toml")
    assert setup_env.installed_torch(wanted) == (version if kept else None)


@pytest.fixture
def pip_calls(monkeypatch, tmp_path):
    """The installs that setup_env would make, in an environment of its own with torch 2.13.0."""
    calls = []

    def record(*arguments):
        constraint = dict(pairwise(arguments)).get("--constraint")
        calls.append((arguments, Path(constraint).read_text() if constraint else None))

    monkeypatch.setattr(setup_env, "pip_install", record)
    monkeypatch.setattr(setup_env.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(setup_env.metadata, "version", lambda name: "2.13.0+cpu")
    return calls


def test_every_install_is_constrained_to_the_torch_that_is_there(pip_calls):
    setup_env.main(["course"])
    ((arguments, constraint),) = pip_calls
    assert arguments[-1] == f"{ROOT}[course]"
    assert constraint == "torch==2.13.0+cpu\n"


def test_nothing_is_installed_twice_and_extras_add_up(pip_calls):
    for extras in (["course"], ["course"], ["course", "test"], ["course"]):
        setup_env.main(extras)
    assert [arguments[-1] for arguments, _ in pip_calls] == [f"{ROOT}[course]", f"{ROOT}[course,test]"]


def test_a_change_of_the_requirements_installs_again(pip_calls, monkeypatch):
    setup_env.main(["course"])
    monkeypatch.setattr(setup_env, "state_key", lambda: "other")
    setup_env.main(["course"])
    assert len(pip_calls) == 2


@pytest.mark.parametrize("index", [None, "https://torch.example/cpu"], ids=["default-index", "own-index"])
def test_the_index_is_for_torch_alone(monkeypatch, pip_calls, index):
    monkeypatch.delenv("TORCH", raising=False)
    monkeypatch.setenv("TORCH_INDEX_URL", index or "")
    before_and_after = iter([None, "2.13.0"])
    monkeypatch.setattr(setup_env, "installed_torch", lambda wanted: next(before_and_after))
    setup_env.main(["course"])
    (torch, _), (project, _) = pip_calls
    assert torch == (setup_env.TESTED_TORCH, *(["--index-url", index] if index else []))
    assert "--index-url" not in project


def test_make_and_setup_env_name_the_same_torch():
    assert f"TORCH ?= {setup_env.TESTED_TORCH}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
