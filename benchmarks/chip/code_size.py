"""How long the plasticity programs are on the chip, and how deep their stack is.

``python benchmarks/chip/code_size.py`` compiles the C in ``ppu/``, a rendering of each program and
of what surrounds it, for 32-bit PowerPC (Debian: gcc-powerpc-linux-gnu), and prints the bytes of
code and constants, of data, and of the deepest chain of calls. The chip's vector instructions,
which this compiler does not know, are one word each. Without optimisation, as libnux compiled the
published program (its waf tool ``nux_compiler`` names no level), and with it.

``workers/chip/memory.py`` and the programs' ``compiled_bytes`` hold the first column.
"""

import re
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "ppu"
PROGRAMS = (
    *("td_published", "td_lambda", "td_advantage", "reward_stdp"),
    *("incremental", "posterior_mean", "plasticity_network", "plasticity_network_published"),
    *("formula", "td_network"),
)
ENVIRONMENTS = ("mdp", "maze", "chances")
LEVELS = ("-O0", "-Os", "-O2")
TARGET_FLAGS = ("-mcpu=405", "-msoft-float", "-ffreestanding", "-std=gnu11", "-msdata=none", "-G0")
FLAGS = (
    *TARGET_FLAGS,
    *("-fno-common", "-fno-pic", "-fno-asynchronous-unwind-tables", "-fstack-usage"),
    *("-Wall", "-Wextra", "-Werror"),
)

DEEPEST = {
    "td_published": ("start", "decided", "rescale", "write_weight", "read_weights"),
    "td_lambda": ("start", "decided", "write_table", "read_weights"),
    "td_advantage": ("start", "decided", "write_row", "read_weights"),
    "reward_stdp": ("start", "begin", "sum_readings"),
    "incremental": ("start", "rewarded", "write_row", "read_weights"),
    "posterior_mean": ("start", "rewarded", "write_row", "read_weights"),
    "plasticity_network": ("start", "rewarded", "evaluate", "activation_q12", "clip"),
    "td_network": ("start", "decided", "update", "evaluate", "activation_q12", "clip"),
    "plasticity_network_published": ("start", "rewarded", "change", "saturated"),
    "formula": ("start", "rewarded", "change_q16"),
}
"""The chain of calls with the largest frames, by program."""


def compiled(program: str, environment: str, level: str) -> dict[str, int]:
    """Return bytes of ``code`` with constants, of ``data``, and of the deepest ``stack``."""
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for name in ("start.s", "chip.c", f"{environment}.c", f"{program}.c"):
            objects.append(f"{folder}/{Path(name).stem}.o")
            run("gcc", *FLAGS, level, "-c", str(SOURCES / name), "-o", objects[-1])
        elf = f"{folder}/program.elf"
        library = run("gcc", "-print-libgcc-file-name").strip()
        script = str(SOURCES / "ppu.x")
        run("ld", "--no-warn-rwx-segments", "-e", "0", "-T", script, "-o", elf, *objects, library)
        sizes = dict(re.findall(r"^\.(\w+)\s+(\d+)", run("size", "-A", elf), re.MULTILINE))
        frames: dict[str, int] = {}
        for usage in sorted(Path(folder).glob("*.su")):
            for line in usage.read_text().splitlines():
                name, frame, _ = line.split("\t")
                frames[name.rsplit(":", 1)[1]] = int(frame)
    # Functions that optimisation merges into their callers have no frame of their own.
    stack = sum(frames.get(name, 0) for name in DEEPEST[program])
    return {"code": int(sizes["code"]), "data": int(sizes["program"]), "stack": stack}


def run(tool: str, *arguments: str) -> str:
    """Run a program of the cross compiler and return what it prints."""
    command = [f"powerpc-linux-gnu-{tool}", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Print the table."""
    print(run("gcc", "--version").splitlines()[0])
    print("bytes of code, data and stack")
    print("| program | environment | " + " | ".join(LEVELS) + " |")
    print("| --- | --- |" + " --- |" * len(LEVELS))
    for program in PROGRAMS:
        for environment in ENVIRONMENTS:
            sizes = [compiled(program, environment, level) for level in LEVELS]
            cells = " | ".join(" ".join(str(size) for size in found.values()) for found in sizes)
            print(f"| {program} | {environment} | {cells} |")


if __name__ == "__main__":
    main()
