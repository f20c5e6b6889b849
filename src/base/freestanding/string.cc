// SPDX-License-Identifier: BSD-2-Clause
// The memory and string functions that the compiler calls on its own and that third-party code
// expects, for the target only. General registers throughout: the kernel never touches FP/SIMD.
// Compiled without the flag that forbids unaligned accesses: they are fast on normal memory, which
// is all these functions are given once the MMU is on; before that, only the boot code's own
// aligned loops run.
#include <cstddef>
#include <cstdint>

namespace {

// May alias anything, at any alignment: what a plain load or store instruction does.
using Word = std::uint64_t;
struct [[gnu::packed, gnu::may_alias]] Loose8 {
    std::uint64_t v;
};
struct [[gnu::packed, gnu::may_alias]] Loose4 {
    std::uint32_t v;
};
struct [[gnu::packed, gnu::may_alias]] Loose2 {
    std::uint16_t v;
};

Word load8(const char* p) { return reinterpret_cast<const Loose8*>(p)->v; }
void store8(char* p, Word v) { reinterpret_cast<Loose8*>(p)->v = v; }
std::uint32_t load4(const char* p) { return reinterpret_cast<const Loose4*>(p)->v; }
void store4(char* p, std::uint32_t v) { reinterpret_cast<Loose4*>(p)->v = v; }
std::uint16_t load2(const char* p) { return reinterpret_cast<const Loose2*>(p)->v; }
void store2(char* p, std::uint16_t v) { reinterpret_cast<Loose2*>(p)->v = v; }

struct Block {
    Word a, b, c, d;
};
Block load32(const char* p) { return {load8(p), load8(p + 8), load8(p + 16), load8(p + 24)}; }
void store32(char* p, const Block& x) {
    store8(p, x.a), store8(p + 8, x.b), store8(p + 16, x.c), store8(p + 24, x.d);
}

// Up to 32 bytes: everything is loaded before anything is stored, so that overlap does not matter.
// The two halves of each case may cover the same bytes.
[[gnu::always_inline]] inline void move_small(char* to, const char* from, std::size_t n) {
    if (n >= 16) {
        const Word a = load8(from), b = load8(from + 8);
        const Word c = load8(from + n - 16), d = load8(from + n - 8);
        store8(to, a), store8(to + 8, b), store8(to + n - 16, c), store8(to + n - 8, d);
    } else if (n >= 8) {
        const Word a = load8(from), b = load8(from + n - 8);
        store8(to, a), store8(to + n - 8, b);
    } else if (n >= 4) {
        const std::uint32_t a = load4(from), b = load4(from + n - 4);
        store4(to, a), store4(to + n - 4, b);
    } else if (n >= 2) {
        const std::uint16_t a = load2(from), b = load2(from + n - 2);
        store2(to, a), store2(to + n - 2, b);
    } else if (n == 1) {
        *to = *from;
    }
}

[[gnu::always_inline]] inline void move_up(char* to, const char* from, std::size_t n) {
    const Block tail = load32(from + n - 32); // before the loop may overwrite it
    char* const end = to + n - 32;
    for (; to < end; to += 32, from += 32) store32(to, load32(from));
    store32(end, tail);
}

void move_down(char* to, const char* from, std::size_t n) {
    const Block head = load32(from);
    for (; n > 32; n -= 32) store32(to + n - 32, load32(from + n - 32));
    store32(to, head);
}

constexpr Word ones = 0x0101010101010101, highs = 0x8080808080808080;
/// Marks zero bytes by their high bit. The lowest mark is always right; a borrow may set ones
/// above.
constexpr Word zero_bytes(Word w) { return (w - ones) & ~w & highs; }
constexpr unsigned first_byte(Word marks) {
    return static_cast<unsigned>(__builtin_ctzll(marks)) / 8;
}

} // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t n) {
    auto* d = static_cast<char*>(to);
    const auto* s = static_cast<const char*>(from);
    if (n <= 32)
        move_small(d, s, n);
    else
        move_up(d, s, n);
    return to;
}

void* memmove(void* to, const void* from, std::size_t n) {
    auto* d = static_cast<char*>(to);
    const auto* s = static_cast<const char*>(from);
    if (n <= 32)
        move_small(d, s, n);
    else if (static_cast<std::size_t>(d - s) >= n) // the destination does not begin inside
        move_up(d, s, n);
    else
        move_down(d, s, n);
    return to;
}

void* memset(void* to, int value, std::size_t n) {
    auto* d = static_cast<char*>(to);
    const Word w = ones * static_cast<unsigned char>(value);
    if (n >= 32) {
        char* const end = d + n - 32;
        for (; end - d > 32; d += 64) {
            store32(d, {w, w, w, w});
            store32(d + 32, {w, w, w, w});
        }
        if (d < end) store32(d, {w, w, w, w});
        store32(end, {w, w, w, w});
    } else if (n >= 8) {
        for (std::size_t i = 0; i + 8 < n; i += 8) store8(d + i, w);
        store8(d + n - 8, w);
    } else {
        for (std::size_t i = 0; i < n; i++) d[i] = static_cast<char>(value);
    }
    return to;
}

int memcmp(const void* a, const void* b, std::size_t n) {
    const auto* x = static_cast<const char*>(a);
    const auto* y = static_cast<const char*>(b);
    for (; n >= 8; x += 8, y += 8, n -= 8) {
        const Word p = load8(x), q = load8(y);
        // Little-endian: swapped, the first byte in memory is the most significant.
        if (p != q) return __builtin_bswap64(p) < __builtin_bswap64(q) ? -1 : 1;
    }
    for (; n > 0; x++, y++, n--)
        if (*x != *y) return static_cast<unsigned char>(*x) - static_cast<unsigned char>(*y);
    return 0;
}

void* memchr(const void* in, int value, std::size_t n) {
    const auto* p = static_cast<const char*>(in);
    const Word wanted = ones * static_cast<unsigned char>(value);
    for (; n >= 8; p += 8, n -= 8)
        if (const Word found = zero_bytes(load8(p) ^ wanted))
            return const_cast<char*>(p) + first_byte(found);
    for (; n > 0; p++, n--)
        if (*p == static_cast<char>(value)) return const_cast<char*>(p);
    return nullptr;
}

std::size_t strlen(const char* s) {
    const char* p = s;
    // By bytes up to a boundary, then by words that cannot cross into another page.
    for (; (reinterpret_cast<std::uintptr_t>(p) & 7) != 0; p++)
        if (*p == 0) return static_cast<std::size_t>(p - s);
    Word found;
    while ((found = zero_bytes(load8(p))) == 0) p += 8;
    return static_cast<std::size_t>(p - s) + first_byte(found);
}

std::size_t strnlen(const char* s, std::size_t limit) {
    const void* end = memchr(s, 0, limit);
    return end ? static_cast<std::size_t>(static_cast<const char*>(end) - s) : limit;
}

char* strchr(const char* s, int c) {
    for (;; s++) {
        if (*s == static_cast<char>(c)) return const_cast<char*>(s);
        if (*s == 0) return nullptr;
    }
}

char* strrchr(const char* s, int c) {
    const char* last = nullptr;
    for (;; s++) {
        if (*s == static_cast<char>(c)) last = s;
        if (*s == 0) return const_cast<char*>(last);
    }
}

int strcmp(const char* a, const char* b) {
    while (*a != 0 && *a == *b) a++, b++;
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int strncmp(const char* a, const char* b, std::size_t n) {
    while (n > 0 && *a != 0 && *a == *b) a++, b++, n--;
    return n == 0 ? 0 : static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

} // extern "C"
