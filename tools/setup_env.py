"""Install the project, with extras, into the environment of the Python that runs this file.

    python tools/setup_env.py course test

torch comes first and alone: from the index in TORCH_INDEX_URL if that variable is set, at the version in TORCH.
A torch that is already there and satisfies pyproject.toml is kept, and every later install is constrained to
it, so no other package can pull in a second one. When nothing changed since the last run, nothing is installed.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:  # a fresh environment has pip and nothing else
    from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TESTED_TORCH = "torch==2.13.0"


def torch_requirement(pyproject: Path) -> Requirement:
    """The range of torch the package accepts."""
    wanted = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]
    return next(r for r in map(Requirement, wanted) if r.name == "torch")


def installed_torch(wanted: Requirement) -> str | None:
    """The version of the torch in this environment, if it is in the range (a nightly build counts)."""
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None
    return version if wanted.specifier.contains(version, prereleases=True) else None


def pip_install(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *arguments], check=True)


def install_torch() -> None:
    index = os.environ.get("TORCH_INDEX_URL")
    requirement = os.environ.get("TORCH") or TESTED_TORCH
    print(f"Installing {requirement} from {index or 'the default index'} ...", flush=True)
    pip_install(requirement, *(["--index-url", index] if index else []))


def install_project(extras: list[str], torch_version: str) -> None:
    print(f"Installing qlab[{','.join(extras)}], keeping torch {torch_version} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text(f"torch=={torch_version}\n", encoding="utf-8")
        pip_install("--quiet", "--constraint", str(constraints), "--editable", f"{ROOT}[{','.join(extras)}]")


def state_key() -> str:
    """Changes with the project's requirements, its folder, and the Python in the environment."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return hashlib.sha256(f"{pyproject}\n{ROOT}\n{sys.version}".encode()).hexdigest()


def extras_done(state: Path) -> set[str]:
    """The extras that earlier runs installed for the present state of the project."""
    if not state.exists():
        return set()
    saved = json.loads(state.read_text(encoding="utf-8"))
    return set(saved["extras"]) if saved["key"] == state_key() else set()


def main(extras: list[str]) -> None:
    wanted, state = torch_requirement(ROOT / "pyproject.toml"), Path(sys.prefix, "qlab-setup.json")
    if installed_torch(wanted) is None:
        install_torch()
    version = installed_torch(wanted)
    if version is None:
        sys.exit(
            f"TORCH={os.environ.get('TORCH')} does not satisfy the package's {wanted}; name a version that does."
        )
    done = extras_done(state)
    if not done.issuperset(extras):
        every = sorted(done.union(extras))
        install_project(every, version)
        state.write_text(json.dumps({"key": state_key(), "extras": every}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
