// SPDX-License-Identifier: BSD-2-Clause
// The argument and environment strings of a program about to start, gathered in kernel memory in
// the order in which they will lie on its stack. Needed because execve's strings live in the memory
// that the new program replaces.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::exec {

/// A page in size: made with make_own, never on a kernel stack.
class ArgumentBlock {
public:
    /// Including the NUL, as Linux's MAX_ARG_STRLEN.
    static constexpr std::size_t max_string = 128 * 1024;
    /// What Linux allows strings and pointers together, given RLIMIT_STACK.
    static std::uint64_t limit_for_stack(std::uint64_t stack_limit);

    explicit ArgumentBlock(std::uint64_t limit) : limit_(limit) {}
    ~ArgumentBlock();
    ArgumentBlock(const ArgumentBlock&) = delete;
    ArgumentBlock& operator=(const ArgumentBlock&) = delete;

    /// All arguments before the first variable. too_big, no_memory.
    Result<void> add_argument(std::string_view text);
    Result<void> add_variable(std::string_view text);
    /// A program's vectors, as execve gets them; null is an empty one. An empty argument vector
    /// becomes one empty argument, as on Linux. Also: fault.
    Result<void> add_arguments(VirtAddr vector);
    Result<void> add_variables(VirtAddr vector);

    /// For a script: argument 0 becomes `interpreter`, `option` unless empty, `script`. May be
    /// called again for an interpreter that is itself a script. too_big.
    Result<void> replace_program(std::string_view interpreter, std::string_view option,
                                 std::string_view script);

    std::size_t argument_count() const { return argument_count_; }
    std::size_t variable_count() const { return variable_count_; }
    /// Bytes of all strings with their NULs.
    std::size_t string_bytes() const { return prefix().size() + used_ - skipped_; }
    /// The bytes in order, in pieces: visit(std::span<const char>) → Result<void>.
    template <class Visit>
    Result<void> for_each_piece(Visit visit) const;
    /// Argument 0; cut off at the end of a piece (it is for messages). Empty when there is none.
    std::string_view first_argument() const;

private:
    struct Piece {
        Piece* next = nullptr;
        std::array<char, 4096 - sizeof(Piece*)> bytes;
    };
    std::span<const char> prefix() const { return std::span(prefix_).subspan(prefix_at_); }
    Result<void> append(std::span<const char> bytes);
    Result<void> append_string(std::string_view text);
    Result<void> append_user_string(VirtAddr at);
    Result<std::size_t> append_user_vector(VirtAddr vector, std::size_t& count);
    Result<std::span<char>> room();
    Result<void> check_limit() const;
    Result<void> prepend(std::string_view text);
    std::size_t first_argument_bytes() const;

    std::uint64_t limit_;
    std::size_t argument_count_ = 0;
    std::size_t variable_count_ = 0;
    Piece* first_ = nullptr;
    Piece* last_ = nullptr;
    std::size_t used_ = 0;    // bytes in the pieces
    std::size_t skipped_ = 0; // of them, at the front, belonging to a replaced argument 0
    // What scripts put in front, growing downwards. So long that the whole object is a page.
    static constexpr std::size_t prefix_bytes = 3968;
    std::array<char, prefix_bytes> prefix_;
    std::size_t prefix_at_ = prefix_bytes;
};

template <class Visit>
Result<void> ArgumentBlock::for_each_piece(Visit visit) const {
    if (!prefix().empty()) TRY(visit(prefix()));
    std::size_t skip = skipped_;
    std::size_t left = used_;
    for (const Piece* p = first_; p && left > 0; p = p->next) {
        const std::size_t here = left < p->bytes.size() ? left : p->bytes.size();
        if (skip < here) TRY(visit(std::span<const char>(p->bytes).subspan(skip, here - skip)));
        skip -= skip < here ? skip : here;
        left -= here;
    }
    return {};
}

} // namespace drupe::exec
