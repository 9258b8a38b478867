"""Run the snippets of the pages: `python -m docs.snippets`.

The `python` blocks of a page run in order, in one namespace; a `sh` block is a script of its own.
Both run in a directory that is empty at first and that the blocks of a page share. What follows
`<!-- not run: reason -->` is left out, and what follows `<!-- needs: torch, skorch -->` where a
module of these is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
PAGES = sorted(file for file in HERE.glob("*.md") if file.name != "README.md")

_FENCE = re.compile(
    r"(?:<!-- (?:not run: (?P<skip>[^>]+)|needs: (?P<needs>[\w, ]+)) -->\s*\n)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks(page: Path, language: str) -> list[str]:
    """Return the snippets of a page that are to be run, with what is installed.

    Blank lines stand before each, so that an error names its line on the page.
    """
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        there = all(map(_installed, re.findall(r"\w+", match["needs"] or "")))
        if match["language"] == language and not match["skip"] and there:
            line = text.count("\n", 0, match.start("code"))
            found.append("\n" * line + match["code"])
    return found


def _installed(module: str) -> bool:
    spec = find_spec(module)
    return spec is not None and spec.origin is not None  # a folder of that name has none


def run_python(page: Path) -> None:
    """Run the Python snippets of a page, in the current directory."""
    namespace = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


def main() -> int:
    """Run all of them: each page in a directory, and its Python in a process, of its own."""
    failed = 0
    folder = str(Path(sys.executable).parent)  # that of `schuss`
    environment = {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}
    for page in PAGES:
        python = [sys.executable, "-c", _RUN.format(str(HERE.parent), str(page))]
        work = [("python", python)] if blocks(page, "python") else []
        work += [(code.strip(), ["bash", "-ec", code]) for code in blocks(page, "sh")]
        with tempfile.TemporaryDirectory() as directory:
            for what, command in work:
                began = time.perf_counter()
                done = subprocess.run(
                    command,
                    cwd=directory,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                took = f"{time.perf_counter() - began:.1f} s"
                print(f"docs/{page.name} ({took}): {what}", flush=True)
                if done.returncode:
                    failed += 1
                    print(done.stdout, done.stderr, f"exit status {done.returncode}", sep="\n")
    print(f"{failed} failed" if failed else "all snippets ran")
    return 1 if failed else 0


_RUN = """
import sys
from pathlib import Path
sys.path.append({!r})
from docs import snippets
snippets.run_python(Path({!r}))
"""

if __name__ == "__main__":
    sys.exit(main())
