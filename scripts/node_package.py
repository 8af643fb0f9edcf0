"""The npm package of `clients/node`: compiled and packed into `dist`, ready to publish (`make node-package`)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.typescript import ROOT, Compiler, CompilerError, make_compiler

SOURCE = ROOT / "clients" / "node"
SETTINGS = ("tsconfig.json", "tsconfig.cjs.json")
"""Of the modules, and of the same for programs that `require` them, as tests under Jest do."""


def pack(target: Path) -> Path:
    """The package's file, in a folder.

    Raises:
        CompilerError: there is no compiler, or what it compiles is wrong; the text is its own.
    """
    compiler = make_compiler()
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-npm-") as place:
        folder = Path(place) / "package"
        build(compiler, folder)
        command = ["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", str(target)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise CompilerError(done.stderr.strip())
    name = f"tuning-emulator-{json.loads((SOURCE / 'package.json').read_text('utf-8'))['version']}.tgz"
    return target / name


def build(compiler: Compiler, folder: Path) -> None:
    """The package's folder, made from its source and the licence of all."""
    shutil.copytree(SOURCE, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    (folder / "node_modules").symlink_to(compiler.packages)
    for settings in SETTINGS:
        done = subprocess.run(
            [*compiler.command, "-p", settings], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            raise CompilerError(done.stdout)
    (folder / "dist" / "cjs" / "package.json").write_text('{"type": "commonjs"}\n')
    (folder / "node_modules").unlink()


def main() -> int:
    """Packs it and says where it lies."""
    target = ROOT / "dist"
    target.mkdir(exist_ok=True)
    try:
        print(pack(target))
    except CompilerError as error:
        print(f"node-package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
