"""What infra/package.sh makes, of the files that it needs and a function that is built already."""

import shutil
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARCHITECTURES = ("arm64", "x86_64")


def sources(directory, program):
    """A copy of the files, with the program as the function of each architecture."""
    tree = directory / "sources"
    for part in ("infra", "runbooks"):
        shutil.copytree(ROOT / part, tree / part)
    for name in ("Cargo.toml", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    built = directory / "bootstrap.zip"
    # A debug build is large: the quickest compression.
    with zipfile.ZipFile(built, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.write(program, "bootstrap")
    for architecture in ARCHITECTURES:
        target = tree / f"target/lambda/{architecture}/bootstrap"
        target.mkdir(parents=True)
        shutil.copy(built, target / "bootstrap.zip")
    return tree


def package(tree, directory, *architectures):
    """The package of a copy, made into the directory."""
    command = [tree / "infra/package.sh", "--no-build", directory]
    command += [option for name in architectures for option in ("--architecture", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"package.sh: {done.stderr[-3000:]}")
    return Path(directory)
