// SPDX-License-Identifier: BSD-2-Clause
// The range check in front of the copy routines. They use plain accesses in both isolation modes: a
// user page is accessible to EL1 whatever AP[1] says, a kernel address is refused here.
#include <drupe/arch/user_access.h>

extern "C" {
std::size_t drupe_user_copy(void* to, const void* from, std::size_t bytes);
std::size_t drupe_user_clear(void* to, std::size_t bytes);
std::int64_t drupe_user_string(char* to, const char* from, std::size_t capacity);
std::uint64_t drupe_user_load32(std::uint64_t word);
std::uint64_t drupe_user_cas32(std::uint64_t word, std::uint32_t expected, std::uint32_t desired);
}

namespace drupe::arch {
namespace {

constexpr std::uint64_t user_end = std::uint64_t{1} << 48;

// A top byte is a tag for the program's own accesses only: pointers of system calls are untagged.
bool in_user_half(VirtAddr at, std::size_t bytes) {
    return raw(at) < user_end && bytes <= user_end - raw(at);
}

} // namespace

std::size_t copy_from_user_raw(void* to, VirtAddr from, std::size_t bytes) {
    if (!in_user_half(from, bytes)) return bytes;
    return drupe_user_copy(to, reinterpret_cast<const void*>(raw(from)), bytes);
}
std::size_t copy_to_user_raw(VirtAddr to, const void* from, std::size_t bytes) {
    if (!in_user_half(to, bytes)) return bytes;
    return drupe_user_copy(reinterpret_cast<void*>(raw(to)), from, bytes);
}
std::size_t clear_user_raw(VirtAddr to, std::size_t bytes) {
    if (!in_user_half(to, bytes)) return bytes;
    return drupe_user_clear(reinterpret_cast<void*>(raw(to)), bytes);
}

Result<std::size_t> copy_string_from_user(char* to, VirtAddr from, std::size_t capacity) {
    if (raw(from) >= user_end) return Errc::fault;
    const std::size_t room = user_end - raw(from);
    const std::int64_t length = drupe_user_string(to, reinterpret_cast<const char*>(raw(from)),
                                                  capacity < room ? capacity : room);
    if (length == -2) return Errc::fault;
    if (length == -1) return capacity <= room ? Errc::name_too_long : Errc::fault;
    return static_cast<std::size_t>(length);
}

Result<std::uint32_t> user_load(VirtAddr word) {
    if (!in_user_half(word, 4)) return Errc::fault;
    const std::uint64_t value = drupe_user_load32(raw(word));
    if (value == ~std::uint64_t{0}) return Errc::fault;
    return static_cast<std::uint32_t>(value);
}
Result<std::uint32_t> user_compare_exchange(VirtAddr word, std::uint32_t expected,
                                            std::uint32_t desired) {
    if (!in_user_half(word, 4)) return Errc::fault;
    const std::uint64_t old = drupe_user_cas32(raw(word), expected, desired);
    if (old == ~std::uint64_t{0}) return Errc::fault;
    return static_cast<std::uint32_t>(old);
}

} // namespace drupe::arch
