#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_thread_safety.py finds planted errors, and nothing where none is."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CHECK = ROOT / "tools/check/check_thread_safety.py"
INCLUDES = " ".join(f"-I{ROOT}/src/{room}/include" for room in ("base", "arch", "arch/aarch64", "kernel/sync"))
COUNTER = """
#include <drupe/sync/spin_lock.h>
using namespace drupe;
struct Counter {
    SpinLock<LockRank::device> lock;
    int value GUARDED_BY(lock) = 0;
    void add_locked() REQUIRES(lock) { value++; }
};
"""


class ThreadSafety(unittest.TestCase):
    def check(self, source: str, compiler_words: str = "-ffreestanding") -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "planted.cc").write_text(COUNTER + source)
            command = f"g++ -std=c++20 -fno-such-option {compiler_words} {INCLUDES} -c planted.cc"
            entry = {"directory": folder, "file": "planted.cc", "command": command}
            Path(folder, "compile_commands.json").write_text(json.dumps([entry]))
            return subprocess.run([sys.executable, "-B", str(CHECK), folder], capture_output=True, text=True)

    def assert_found(self, text: str, source: str) -> None:
        result = self.check(source)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(text, result.stdout)
        self.assertIn("1 sources of the kernel, 1 failed", result.stdout)

    def test_a_source_that_keeps_its_promises_passes(self):
        result = self.check("void add(Counter& c) { IrqGuard guard{c.lock}; c.add_locked(); c.value++; }\n")
        self.assertEqual((result.returncode, result.stdout), (0, "clang read 1 sources of the kernel, 0 failed\n"))

    def test_guarded_data_without_its_lock_is_found(self):
        self.assert_found("writing variable 'value' requires holding spin lock 'c.lock'",
                          "void add(Counter& c) { c.value++; }\n")

    def test_a_call_without_the_lock_is_found(self):
        self.assert_found("calling function 'add_locked' requires holding spin lock 'c.lock'",
                          "void add(Counter& c) { c.add_locked(); }\n")

    def test_a_lock_that_is_not_given_back_is_found(self):
        self.assert_found("mutex 'c.lock' is still held at the end of function",
                          "void add(Counter& c) { c.lock.lock(); c.value++; }\n")

    def test_atomic_operations_that_name_their_order_pass(self):
        result = self.check(
            "std::atomic<int> n{0};\n"
            "int add() {\n"
            "    n.store(1, std::memory_order_release);\n"
            "    int seen = n.load(std::memory_order_acquire);\n"
            "    n.compare_exchange_strong(seen, 2, std::memory_order_acq_rel);\n"
            "    return std::atomic_ref(seen).fetch_add(1, std::memory_order_relaxed);\n"
            "}\n")
        self.assertEqual((result.returncode, result.stdout), (0, "clang read 1 sources of the kernel, 0 failed\n"))

    def test_an_atomic_operation_without_an_order_is_found(self):
        for operation in ("n++", "--n", "n += 2", "n |= 1", "n = 1", "n.store(1)", "(void)n.load()", "n.fetch_sub(1)",
                          "n.exchange(1)", "if (n) n.store(0, std::memory_order_relaxed)", "std::atomic_ref{m} = 1",
                          "int seen = n; m = seen", "n.compare_exchange_strong(m, 2)"):
            with self.subTest(operation=operation):
                self.assert_found("is unavailable: name the memory order",
                                  f"int m; std::atomic<int> n{{0}};\nvoid change() {{ {operation}; }}\n")

    def test_what_clang_cannot_read_is_found(self):
        self.assert_found("unknown type name 'nonsense'", "nonsense x;\n")

    def test_a_build_without_kernel_sources_is_no_success(self):
        result = self.check("", compiler_words="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no C++ source is compiled for the kernel", result.stdout)


if __name__ == "__main__":
    unittest.main()
