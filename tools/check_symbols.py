"""Check that code compiled for one instruction set cannot be run on a machine without it.

A kernel file is compiled once per instruction set. A function that such an object defines weakly (an inline function or a
template of the standard library, say) would be kept once for all of them by the linker, possibly in the AVX-512 version.
So in each of these objects, as a release build makes them,

- no symbol may be weak or unique;
- every symbol defined for other objects must stand in the namespace of its instruction set;
- nothing may be called from outside but minigrad's own baseline functions and the C library's memory functions:
  in particular no function of the math library, whose results depend on the machine.

Usage: ``python tools/check_symbols.py BUILD_FOLDER``
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ALLOWED_FROM_OUTSIDE = {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
WEAK = "VWuvw"


def find_problems(listing: str, isa: str) -> list[str]:
    """Return what is wrong with an object of the instruction set `isa`, given what ``nm --format=posix`` says of it."""
    own = re.compile(rf"_ZN[KV]*8minigrad{len(isa)}{isa}")
    problems = []
    for line in listing.splitlines():
        name, kind = line.split()[:2]
        if kind in WEAK:
            problems.append(f"weak symbol {name}")
        elif kind == "U":
            if name not in ALLOWED_FROM_OUTSIDE and not name.startswith("_ZN8minigrad"):
                problems.append(f"needs {name} from outside")
        elif kind.isupper() and not own.match(name):
            problems.append(f"defines {name} outside minigrad::{isa}")
    return problems


def check(build: Path) -> int:
    """Print the problems of all objects below `build`. Return how many objects were looked at; 0 if one has a problem."""
    objects = sorted(build.glob("CMakeFiles/minigrad_*.dir/**/*.isa.cpp.o"))
    failed = False
    for path in objects:
        folder = next(part for part in path.parts if part.startswith("minigrad_") and part.endswith(".dir"))
        isa = folder.removesuffix(".dir").split("_")[-1]
        listing = subprocess.run(["nm", "--format=posix", path], check=True, capture_output=True, text=True).stdout
        for problem in find_problems(listing, isa):
            print(f"{path.relative_to(build)}: {problem}")
            failed = True
    return 0 if failed else len(objects)


def main() -> int:
    """Run the check on the folder named on the command line."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    count = check(Path(sys.argv[1]))
    if count == 0:
        print("symbols: FAILED (problems above, or no objects found)")
        return 1
    print(f"symbols: {count} objects are clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
