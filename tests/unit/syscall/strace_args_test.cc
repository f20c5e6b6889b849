// SPDX-License-Identifier: BSD-2-Clause
// User addresses are the test's own pointers (arch/host).
#include "strace_args.h"

#include <drupe/arch/syscall_abi.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::syscall;

namespace {

class StringSink final : public FormatSink {
public:
    void put(std::string_view more) override { text += more; }
    std::string text;
};

template <class T>
std::uint64_t word(T* pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
}

/// The call as strace prints it, after it gave `result`.
std::string print(unsigned number, std::vector<std::uint64_t> args, std::int64_t result) {
    StringSink out;
    const RowInfo& row = row_info(number);
    CallWords call{};
    for (std::size_t i = 0; i < args.size(); i++) call.args[i] = args[i];
    REQUIRE(args.size() == row.kind_count);
    out.put(row.name);
    out.put("(");
    for (std::size_t i = 0; i < args.size(); i++) {
        if (i > 0) out.put(", ");
        print_argument(out, row, call, i, &result);
    }
    out.put(") = ");
    print_result(out, row, result);
    return out.text;
}

} // namespace

TEST_CASE("paths, flags and modes are printed by what they mean") {
    CHECK(print(56, {static_cast<std::uint64_t>(-100), word("/etc/a\n\"b\""), 02000101, 0644}, 3) ==
          R"(openat(AT_FDCWD, "/etc/a\n\"b\"", O_WRONLY|O_CREAT|O_CLOEXEC, 0644) = 3)");
    CHECK(print(56, {5, 0, 0, 0}, -14) == "openat(5, NULL, O_RDONLY, 00) = -1 EFAULT");
    CHECK(print(48, {0xffffff9c, word("x"), 0}, -2) ==
          R"(faccessat(AT_FDCWD, "x", F_OK) = -1 ENOENT)");
    const std::string path(100, 'p');
    CHECK(print(49, {word(path.c_str())}, 0) == "chdir(\"" + std::string(64, 'p') + "\"...) = 0");
}

TEST_CASE("buffers show what went in, and what came out") {
    char text[64] = "hello\0\x01 world";
    CHECK(print(64, {1, word(text), 7}, 7) == R"(write(1, "hello\0\x01", 7) = 7)");
    CHECK(print(63, {0, word(text), 64}, 5) == R"(read(0, "hello", 64) = 5)");
    CHECK(print(63, {0, 0x1234, 64}, -11) == "read(0, 0x1234, 64) = -1 EAGAIN");
    std::memset(text, 'a', sizeof text);
    CHECK(print(64, {1, word(text), 64}, 64) ==
          "write(1, \"" + std::string(32, 'a') + "\"..., 64) = 64");
    const struct {
        const void* base;
        std::uint64_t length;
    } vectors[] = {{"ab", 2}, {"c", 1}};
    CHECK(print(66, {2, word(vectors), 2}, 3) == R"(writev(2, ["ab", "c"], 2) = 3)");
    const std::int32_t pipe[] = {3, 4};
    CHECK(print(59, {word(pipe), 02000000}, 0) == "pipe2([3, 4], O_RDONLY|O_CLOEXEC) = 0");
}

TEST_CASE("addresses are hexadecimal, protections and mappings by name") {
    CHECK(print(222, {0, 8192, 3, 0x22, static_cast<std::uint64_t>(-1), 0}, 0x7fff0000) ==
          "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7fff0000");
    CHECK(print(226, {0x10000, 4096, 0}, 0) == "mprotect(0x10000, 4096, PROT_NONE) = 0");
    CHECK(print(214, {0}, 0x1000) == "brk(NULL) = 0x1000");
    CHECK(print(233, {0x10000, 4096, 4}, 0) == "madvise(0x10000, 4096, MADV_DONTNEED) = 0");
}

TEST_CASE("times, signals, masks and futexes are decoded") {
    const std::int64_t time[] = {1, 500};
    CHECK(print(101, {word(time), 0}, 0) == "nanosleep({1.000000500}, NULL) = 0");
    CHECK(print(113, {1, word(time)}, 0) == "clock_gettime(CLOCK_MONOTONIC, {1.000000500}) = 0");
    CHECK(print(129, {7, 15}, 0) == "kill(7, SIGTERM) = 0");
    CHECK(print(129, {7, 34}, -3) == "kill(7, SIGRT_2) = -1 ESRCH");
    const std::uint64_t mask = 1u << 1 | 1u << 16, nearly_all = ~std::uint64_t{1u << 8};
    CHECK(print(135, {0, word(&mask), 0, 8}, 0) ==
          "rt_sigprocmask(SIG_BLOCK, [SIGINT SIGCHLD], NULL, 8) = 0");
    CHECK(print(135, {2, word(&nearly_all), 0, 8}, 0) ==
          "rt_sigprocmask(SIG_SETMASK, ~[SIGKILL], NULL, 8) = 0");
    const std::uint32_t futex = 2;
    CHECK(print(98, {word(&futex), 128, 2, 0, 0, 0}, -512)
              .find("[2], FUTEX_WAIT|FUTEX_PRIVATE_FLAG, "
                    "2, NULL, NULL, 0) = -1 ERESTARTSYS") != std::string::npos);
    CHECK(print(220, {17 | 0x1200000, 0, 0, 0, 0}, 5) ==
          "clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x0, NULL) = 5");
    const char* argv[] = {"sh", "-c", "x", "y", "z", nullptr};
    CHECK(print(221, {word("/bin/sh"), word(argv), 0}, -13) ==
          R"(execve("/bin/sh", ["sh", "-c", "x", "y", ...], NULL) = -1 EACCES)");
}

TEST_CASE("every row has a name, or none at all, and at most six arguments") {
    unsigned named = 0;
    for (unsigned number = 0; number < arch::syscall_count; number++) {
        const RowInfo& row = row_info(number);
        CHECK(row.kind_count <= 6);
        if (row.name) named++;
    }
    CHECK(named == 306);
    CHECK(std::string_view(row_info(450).name) == "set_mempolicy_home_node");
    CHECK(row_info(451).name == nullptr);
}
