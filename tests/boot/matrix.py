#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which machine runs which case: prints lines "suite case machine cpu isolation number-of-CPUs".

The suite `boot` is a pairwise selection: every pair of values of two of (interrupt controller, CPU, isolation)
occurs, spread over the cases, and each case runs in both isolation modes and with both controllers. The suite
`boot-long` is the rest of the full product, and for cases that say `long` those two machines only. Cases that say
`threads` run there with one CPU and with four.
"""
import itertools
import sys
import tomllib

MACHINES = ("virt,gic-version=3", "virt,gic-version=2", "virt,gic-version=3,virtualization=on")
CPUS = ("cortex-a72", "cortex-a53", "cortex-a57", "neoverse-n1", "max")
ISOLATION = ("el1t", "el0")


def quick(index: int) -> list:
    """Two machines for the case at `index`: both controllers, both modes, CPUs in rotation."""
    first = (MACHINES[0], CPUS[index % 5], ISOLATION[index % 2])
    second = (MACHINES[1 + index // 2 % 2] if index % 4 == 3 else MACHINES[1], CPUS[(index + 2) % 5], ISOLATION[1 - index % 2])
    return [first, second]


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        cases = tomllib.load(file)
    for index, (name, case) in enumerate(cases.items()):
        chosen = quick(index)
        if "cpus" in case:
            chosen = list(itertools.product(MACHINES[:1], case["cpus"], ISOLATION))
        for combination in itertools.product(MACHINES, CPUS, ISOLATION):
            if combination in chosen:
                print("boot-long" if case.get("long") else "boot", name, *combination, 1)
            elif not case.get("long"):
                print("boot-long", name, *combination, 1)
            if combination in chosen and case.get("threads"):
                print("boot-long", name, *combination, 4)


if __name__ == "__main__":
    main()
