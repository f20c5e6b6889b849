// SPDX-License-Identifier: BSD-2-Clause
#include "test_memory.h"

#include <drupe/arch/elf_abi.h>
#include <drupe/arch/user_access.h>

#include <cstring>

namespace drupe::arch {

std::size_t copy_from_user_raw(void* to, VirtAddr from, std::size_t bytes) {
    if (from == test::bad_address) return bytes;
    std::memcpy(to, reinterpret_cast<const void*>(raw(from)), bytes);
    return 0;
}
Result<std::size_t> copy_string_from_user(char* to, VirtAddr from, std::size_t capacity) {
    if (from == test::bad_address) return Errc::fault;
    const char* text = reinterpret_cast<const char*>(raw(from));
    const std::size_t length = strnlen(text, capacity);
    std::memcpy(to, text, length < capacity ? length + 1 : length);
    if (length == capacity) return Errc::name_too_long;
    return length;
}
std::uint64_t hwcap() { return 0; }
std::uint64_t hwcap2() { return 0; }
std::uint64_t minimum_signal_stack() { return 0; }

} // namespace drupe::arch
