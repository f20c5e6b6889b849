// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/user_access.h>
#include <drupe/exec/argument_block.h>

#include <cstring>
#include <new>

namespace drupe::exec {

std::uint64_t ArgumentBlock::limit_for_stack(std::uint64_t stack_limit) {
    // [linux] fs/exec.c: a quarter of the stack, at least 128 KiB, at most 6 MiB.
    constexpr std::uint64_t least = 128 * 1024, most = 6 * 1024 * 1024;
    const std::uint64_t quarter = stack_limit / 4;
    return quarter < least ? least : quarter > most ? most : quarter;
}

ArgumentBlock::~ArgumentBlock() {
    while (Piece* p = first_) {
        first_ = p->next;
        delete p;
    }
}

Result<void> ArgumentBlock::check_limit() const {
    const std::uint64_t pointers = (argument_count_ + variable_count_) * sizeof(std::uint64_t);
    if (string_bytes() + pointers > limit_) return Errc::too_big;
    return {};
}

/// Free bytes at the end of the last piece, at least one.
Result<std::span<char>> ArgumentBlock::room() {
    constexpr std::size_t size = sizeof(Piece::bytes);
    const std::size_t at = used_ % size;
    if (at != 0) return std::span<char>(last_->bytes).subspan(at);
    Piece* fresh = new (std::nothrow) Piece;
    if (!fresh) return Errc::no_memory;
    (last_ ? last_->next : first_) = fresh;
    last_ = fresh;
    return std::span<char>(fresh->bytes);
}

Result<void> ArgumentBlock::append(std::span<const char> bytes) {
    while (!bytes.empty()) {
        std::span<char> free = TRY(room());
        const std::size_t n = bytes.size() < free.size() ? bytes.size() : free.size();
        std::memcpy(free.data(), bytes.data(), n);
        used_ += n;
        bytes = bytes.subspan(n);
    }
    return {};
}

Result<void> ArgumentBlock::append_string(std::string_view text) {
    if (text.size() >= max_string) return Errc::too_big;
    TRY(append(text));
    TRY(append(std::span("", 1)));
    return check_limit();
}

Result<void> ArgumentBlock::append_user_string(VirtAddr at) {
    for (std::size_t copied = 0; copied < max_string;) {
        std::span<char> free = TRY(room());
        auto length = arch::copy_string_from_user(free.data(), at + copied, free.size());
        if (length.ok()) {
            used_ += length.value() + 1;
            return copied + length.value() < max_string ? check_limit() : Errc::too_big;
        }
        // The string goes on beyond this piece; what was copied stays.
        if (length.error() != Errc::name_too_long) return length.error();
        used_ += free.size();
        copied += free.size();
        TRY(check_limit());
    }
    return Errc::too_big;
}

Result<std::size_t> ArgumentBlock::append_user_vector(VirtAddr vector, std::size_t& count) {
    std::size_t added = 0;
    if (raw(vector) == 0) return added;
    for (;; added++) {
        const auto text = TRY(arch::get_user<VirtAddr>(vector + added * sizeof(VirtAddr)));
        if (raw(text) == 0) return added;
        count++;
        TRY(append_user_string(text));
    }
}

Result<void> ArgumentBlock::add_argument(std::string_view text) {
    DRUPE_ASSERT(variable_count_ == 0);
    argument_count_++;
    return append_string(text);
}

Result<void> ArgumentBlock::add_variable(std::string_view text) {
    variable_count_++;
    return append_string(text);
}

Result<void> ArgumentBlock::add_arguments(VirtAddr vector) {
    DRUPE_ASSERT(variable_count_ == 0);
    if (TRY(append_user_vector(vector, argument_count_)) > 0) return {};
    return add_argument("");
}

Result<void> ArgumentBlock::add_variables(VirtAddr vector) {
    TRY(append_user_vector(vector, variable_count_));
    return {};
}

Result<void> ArgumentBlock::prepend(std::string_view text) {
    if (text.size() + 1 > prefix_at_) return Errc::too_big;
    prefix_at_ -= text.size() + 1;
    std::memcpy(prefix_.data() + prefix_at_, text.data(), text.size());
    prefix_[prefix_at_ + text.size()] = '\0';
    return {};
}

std::size_t ArgumentBlock::first_argument_bytes() const {
    std::size_t length = 0;
    bool is_complete = false;
    auto found = for_each_piece([&](std::span<const char> piece) -> Result<void> {
        for (std::size_t i = 0; i < piece.size() && !is_complete; i++) {
            length++;
            is_complete = piece[i] == '\0';
        }
        return {};
    });
    DRUPE_ASSERT(found.ok());
    return length;
}

Result<void> ArgumentBlock::replace_program(std::string_view interpreter, std::string_view option,
                                            std::string_view script) {
    DRUPE_ASSERT(argument_count_ > 0);
    const std::size_t dropped = first_argument_bytes();
    if (prefix_at_ < prefix_bytes)
        prefix_at_ += dropped;
    else
        skipped_ += dropped;
    TRY(prepend(script));
    argument_count_++;
    if (!option.empty()) {
        TRY(prepend(option));
        argument_count_++;
    }
    TRY(prepend(interpreter));
    return check_limit();
}

std::string_view ArgumentBlock::first_argument() const {
    std::string_view found;
    auto stopped = for_each_piece([&](std::span<const char> piece) -> Result<void> {
        const void* end = std::memchr(piece.data(), '\0', piece.size());
        const std::size_t length =
            end ? static_cast<std::size_t>(static_cast<const char*>(end) - piece.data())
                : piece.size();
        found = {piece.data(), length};
        return Errc::exists; // the first piece is enough
    });
    static_cast<void>(stopped);
    return found;
}

} // namespace drupe::exec
