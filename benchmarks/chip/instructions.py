"""How many instructions an update of a plasticity program takes on the processor.

``python benchmarks/chip/instructions.py`` compiles the C in ``workers/chip/ppu/c`` for 32-bit
PowerPC, runs a rule alone under an emulator of user programs that logs every instruction (Debian:
gcc-powerpc-linux-gnu, qemu-user), and prints the instructions of one update by the number of
actions: the difference of two runs of different lengths, divided by their updates. Vector
instructions count as one. ``cycles`` of the programs follow from the columns of -Os.
"""

import tempfile

from execution import executed_by_function
from processor_programs import LEVELS, build

RULES: dict[str, tuple[str, ...]] = {
    "incremental": (),
    "posterior_mean": (),
    "plasticity_network": ("-DN_INPUTS=5",),
    "plasticity_network extended": ("-DN_INPUTS=7",),
    "plasticity_network_published": (),
    "formula": (),
    "td_advantage": (),
    "td_network": (),
}
ACTIONS = (2, 4, 8)
SHORT, LONG = 50, 250


def executed(rule: str, level: str, n_actions: int, n_updates: int) -> int:
    """Return the instructions that a program of so many updates executes."""
    sizes = (f"-DN_ACTIONS={n_actions}", "-DN_STATES=1", f"-DN_UPDATES={n_updates}")
    with tempfile.TemporaryDirectory() as folder:
        defines = " ".join((*sizes, *RULES[rule]))
        program = build("count.linux", folder, RULE=rule.split()[0], LEVEL=level, DEFINES=defines)
        return executed_by_function(program).instructions.total()


def per_update(rule: str, level: str, n_actions: int) -> float:
    """Return the instructions of one update, decision and generator of the harness included."""
    short, long = (executed(rule, level, n_actions, n) for n in (SHORT, LONG))
    return (long - short) / (LONG - SHORT)


def main() -> None:
    """Print the table."""
    cells = [f"{level}, {n} actions" for level in LEVELS for n in ACTIONS]
    print("| rule | " + " | ".join(cells) + " |")
    print("| --- |" + " --- |" * len(cells))
    for rule in RULES:
        found = [f"{per_update(rule, level, n):.0f}" for level in LEVELS for n in ACTIONS]
        print(f"| {rule} | " + " | ".join(found) + " |", flush=True)


if __name__ == "__main__":
    main()
