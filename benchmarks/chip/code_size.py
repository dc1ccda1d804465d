"""How long the plasticity programs are on the chip, and how deep their stack is.

``python benchmarks/chip/code_size.py`` compiles the C in ``workers/chip/ppu/c``, a rendering of
each program and of what surrounds it, for 32-bit PowerPC (Debian: gcc-powerpc-linux-gnu), and
prints the bytes of code and constants, of data, and of the deepest chain of calls. The chip's
vector instructions, which this compiler does not know, are one word each. Without optimisation, as
libnux compiled the published program (its waf tool ``nux_compiler`` names no level), and with it.

``workers/chip/memory.py`` and the programs' ``compiled_bytes`` hold the first column.
"""

import tempfile
from itertools import product
from pathlib import Path

from processor_programs import LEVELS, RULES, build, run, section_bytes, stack_bytes

ENVIRONMENTS = ("mdp", "maze", "chances")


def compiled(rule: str, environment: str, level: str, folder: Path) -> dict[str, int]:
    """Return bytes of ``code`` with constants, of ``data``, and of the deepest ``stack``.

    ``folder`` is for all that is made, with one level of optimisation.
    """
    options = {"RULE": rule, "ENVIRONMENT": environment, "LEVEL": level}
    sizes = section_bytes(build("episode.elf", folder, **options))
    others = {*RULES, *ENVIRONMENTS} - {rule, environment}
    code = sizes["code"] + sizes.get("constants", 0)
    return {"code": code, "data": sizes["program"], "stack": stack_bytes(folder, others)}


def main() -> None:
    """Print the table."""
    print(run("powerpc-linux-gnu-gcc", "--version").splitlines()[0])
    print("bytes of code, data and stack")
    print("| program | environment | " + " | ".join(LEVELS) + " |")
    print("| --- | --- |" + " --- |" * len(LEVELS))
    with tempfile.TemporaryDirectory() as name:
        folders = {level: Path(name, level) for level in LEVELS}
        for rule, environment in product(RULES, ENVIRONMENTS):
            sizes = [compiled(rule, environment, *of_level) for of_level in folders.items()]
            cells = " | ".join(" ".join(str(size) for size in found.values()) for found in sizes)
            print(f"| {rule} | {environment} | {cells} |")


if __name__ == "__main__":
    main()
