// SPDX-License-Identifier: BSD-2-Clause
// What a program finds on its stack when it starts, byte for byte as Linux lays it out:
//
//   top - 8        zeros
//                  name of the program file, environment strings, argument strings (downwards)
//                  a gap of random size, "aarch64", 16 random bytes
//   sp (16-byte aligned) argc, argv…, 0, envp…, 0, auxiliary vector
//
// [linux] fs/binfmt_elf.c create_elf_tables; [elf/aarch64] "Process initialization".
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/exec/argument_block.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::exec {

/// What the auxiliary vector says.
struct AuxFacts {
    VirtAddr vdso{}; // 0: none
    VirtAddr headers{};
    std::uint64_t header_count = 0;
    VirtAddr interpreter_base{}; // 0: none
    VirtAddr entry{};
    std::uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
    bool secure = false;
    std::uint64_t hwcap = 0, hwcap2 = 0;
    std::uint64_t minimum_signal_stack = 0;
};

struct StackRequest {
    VirtAddr top{};           // page aligned
    std::uint64_t gap = 0;    // random, below 8192
    std::string_view program; // AT_EXECFN
    std::array<std::byte, 16> random{};
};

inline constexpr std::size_t max_aux_words = 48;

struct StackLayout {
    VirtAddr sp{};
    VirtAddr arguments_begin{}, arguments_end{};
    VirtAddr environment_begin{}, environment_end{};
    VirtAddr program{}, platform{}, random{};
    std::array<std::uint64_t, max_aux_words> aux{};
    std::size_t aux_words = 0; // ends with a pair of zeros
};

/// Where bytes go: the new program's memory, or a test's.
class StackSink {
public:
    virtual Result<void> put(VirtAddr at, const void* bytes, std::size_t count) = 0;

protected:
    ~StackSink() = default;
};

/// Everything about the stack that can be known without writing to it.
StackLayout plan_stack(const StackRequest& request, const ArgumentBlock& arguments,
                       const AuxFacts& facts);
/// Writes it. The sink's errors.
Result<void> write_stack(const StackRequest& request, const ArgumentBlock& arguments,
                         const StackLayout& layout, StackSink& sink);

} // namespace drupe::exec
