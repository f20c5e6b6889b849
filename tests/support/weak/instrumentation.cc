// SPDX-License-Identifier: BSD-2-Clause
// What `-fsanitize=thread` makes the compiler call for every access to memory: here not that
// sanitizer's library but the machine of weak/machine.h. Outside a run everything is done as it
// stands. The sanitizer's ABI: GCC's gcc/sanitizer.def names the functions.
#include <weak/machine.h>
#include <weak/played.h>
#include <weak/sites.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace {

using weak::Machine;
using weak::Memory;

bool is_played() { return weak::NotPlayed::depth == 0 && Machine::instance().is_playing(); }

void plain(const void* at, std::size_t bytes, bool writes, const void* site) {
    if (!is_played() || weak::is_exempt(at)) return;
    weak::NotPlayed guard;
    Machine& m = Machine::instance();
    m.memory().plain(m.cpu(), at, bytes, writes, site);
}

/// Before an operation: others may go on, and its order may be one that a test weakens.
int enter(const void* at, std::size_t bytes, bool writes, int order, const void* site) {
    Machine& m = Machine::instance();
    m.point(); // leaves and comes back: in its own code
    weak::NotPlayed guard;
    m.memory().atomic(m.cpu(), at, bytes, writes, site);
    return weak::executed(site, order);
}

template <class T>
T load(const volatile T* from, int order, const void* site) {
    T* at = const_cast<T*>(from);
    if (!is_played()) return __atomic_load_n(at, __ATOMIC_SEQ_CST);
    order = enter(at, sizeof(T), false, order, site);
    weak::NotPlayed guard;
    Machine& m = Machine::instance();
    const auto value = static_cast<T>(m.memory().load(m.cpu(), at, sizeof(T), order));
    m.record({m.cpu(), 'l', order, at, static_cast<std::make_unsigned_t<T>>(value), site});
    return value;
}

template <class T>
void store(volatile T* to, T value, int order, const void* site) {
    T* at = const_cast<T*>(to);
    if (!is_played()) return __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
    order = enter(at, sizeof(T), true, order, site);
    weak::NotPlayed guard;
    Machine& m = Machine::instance();
    const std::uint64_t bits = static_cast<std::make_unsigned_t<T>>(value);
    m.memory().store(m.cpu(), at, sizeof(T), bits, order);
    m.record({m.cpu(), 's', order, at, bits, site});
}

/// `change` makes the new value of the old one.
template <class T, class Change>
T replace(volatile T* what, int order, const void* site, Change change) {
    T* at = const_cast<T*>(what);
    if (!is_played()) {
        const T old = *at;
        *at = change(old);
        return old;
    }
    order = enter(at, sizeof(T), true, order, site);
    weak::NotPlayed guard;
    Machine& m = Machine::instance();
    const auto old = static_cast<T>(m.memory().newest(at, sizeof(T)));
    const std::uint64_t bits = static_cast<std::make_unsigned_t<T>>(change(old));
    m.memory().replace(m.cpu(), at, sizeof(T), bits, order);
    m.record({m.cpu(), 'x', order, at, bits, site});
    return old;
}

/// Of a compare-exchange's order, what remains when it fails. The compiler passes both; the one
/// that counts follows from the weakened first as the language says.
int when_failed(int order, int given) {
    if (order == __ATOMIC_ACQ_REL) order = __ATOMIC_ACQUIRE;
    if (order == __ATOMIC_RELEASE) order = __ATOMIC_RELAXED;
    return given < order ? given : order;
}

template <class T>
bool compare_exchange(volatile T* what, T* expected, T desired, int order, int failed, bool is_weak,
                      const void* site) {
    T* at = const_cast<T*>(what);
    if (!is_played())
        return __atomic_compare_exchange_n(at, expected, desired, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    order = enter(at, sizeof(T), true, order, site);
    weak::NotPlayed guard;
    Machine& m = Machine::instance();
    Memory& memory = m.memory();
    // A failed one is a load: of what another CPU has long replaced, perhaps.
    if (static_cast<T>(memory.newest(at, sizeof(T))) != *expected) {
        failed = when_failed(order, failed);
        auto seen = static_cast<T>(memory.load(m.cpu(), at, sizeof(T), failed));
        if (seen == *expected) // it was not there any more, and is looked for again
            seen = static_cast<T>(memory.load_newest(m.cpu(), at, sizeof(T), failed));
        m.record({m.cpu(), 'l', failed, at, static_cast<std::make_unsigned_t<T>>(seen), site});
        *expected = seen;
        return false;
    }
    if (is_weak && m.random().one_in(8)) return false;
    const std::uint64_t bits = static_cast<std::make_unsigned_t<T>>(desired);
    memory.replace(m.cpu(), at, sizeof(T), bits, order);
    m.record({m.cpu(), 'x', order, at, bits, site});
    return true;
}

} // namespace

namespace weak {

void storage_begins(void* at, std::size_t bytes) {
    if (!is_played()) return;
    NotPlayed guard;
    Machine::instance().memory().forget(at, bytes);
}
void storage_ends(void* at, std::size_t bytes, const void* site) { plain(at, bytes, true, site); }

} // namespace weak

#define SITE __builtin_return_address(0)

extern "C" {

// The instrumentation leaves these calls alone; the linker brings them here (--wrap).
void* __real_memcpy(void* to, const void* from, std::size_t bytes);
void* __real_memmove(void* to, const void* from, std::size_t bytes);
void* __real_memset(void* to, int value, std::size_t bytes);
void* __wrap_memcpy(void* to, const void* from, std::size_t bytes) {
    plain(from, bytes, false, SITE);
    plain(to, bytes, true, SITE);
    return __real_memcpy(to, from, bytes);
}
void* __wrap_memmove(void* to, const void* from, std::size_t bytes) {
    plain(from, bytes, false, SITE);
    plain(to, bytes, true, SITE);
    return __real_memmove(to, from, bytes);
}
void* __wrap_memset(void* to, int value, std::size_t bytes) {
    plain(to, bytes, true, SITE);
    return __real_memset(to, value, bytes);
}

void __tsan_init() {}
void __tsan_atomic_signal_fence(int) {}
void __tsan_atomic_thread_fence(int order) {
    const void* site = SITE;
    if (!is_played()) return;
    Machine& m = Machine::instance();
    m.point();
    weak::NotPlayed guard;
    order = weak::executed(site, order);
    m.memory().fence(m.cpu(), order);
    m.record({m.cpu(), 'f', order, nullptr, 0, site});
}
void __tsan_read_range(void* at, std::size_t bytes) { plain(at, bytes, false, SITE); }
void __tsan_write_range(void* at, std::size_t bytes) { plain(at, bytes, true, SITE); }
void __tsan_vptr_update(void** at, void*) { plain(at, sizeof *at, true, SITE); }

#define PLAIN(BYTES)                                                                               \
    void __tsan_read##BYTES(void* at) { plain(at, BYTES, false, SITE); }                           \
    void __tsan_write##BYTES(void* at) { plain(at, BYTES, true, SITE); }                           \
    void __tsan_unaligned_read##BYTES(void* at) { plain(at, BYTES, false, SITE); }                 \
    void __tsan_unaligned_write##BYTES(void* at) { plain(at, BYTES, true, SITE); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define READ_MODIFY_WRITE(BITS, T, NAME, NEW)                                                      \
    T __tsan_atomic##BITS##_##NAME(volatile T* at, T operand, int order) {                         \
        return replace<T>(at, order, SITE, [&](T old) { return static_cast<T>(NEW); });            \
    }
#define ATOMIC(BITS, T)                                                                            \
    T __tsan_atomic##BITS##_load(const volatile T* at, int order) {                                \
        return load(at, order, SITE);                                                              \
    }                                                                                              \
    void __tsan_atomic##BITS##_store(volatile T* at, T value, int order) {                         \
        store(at, value, order, SITE);                                                             \
    }                                                                                              \
    bool __tsan_atomic##BITS##_compare_exchange_strong(volatile T* at, T* expected, T desired,     \
                                                       int order, int failed) {                    \
        return compare_exchange(at, expected, desired, order, failed, false, SITE);                \
    }                                                                                              \
    bool __tsan_atomic##BITS##_compare_exchange_weak(volatile T* at, T* expected, T desired,       \
                                                     int order, int failed) {                      \
        return compare_exchange(at, expected, desired, order, failed, true, SITE);                 \
    }                                                                                              \
    T __tsan_atomic##BITS##_exchange(volatile T* at, T operand, int order) {                       \
        return replace<T>(at, order, SITE, [&](T) { return operand; });                            \
    }                                                                                              \
    READ_MODIFY_WRITE(BITS, T, fetch_add, old + operand)                                           \
    READ_MODIFY_WRITE(BITS, T, fetch_sub, old - operand)                                           \
    READ_MODIFY_WRITE(BITS, T, fetch_and, old& operand)                                            \
    READ_MODIFY_WRITE(BITS, T, fetch_or, old | operand)                                            \
    READ_MODIFY_WRITE(BITS, T, fetch_xor, old ^ operand)
ATOMIC(8, std::int8_t)
ATOMIC(16, std::int16_t)
ATOMIC(32, std::int32_t)
ATOMIC(64, std::int64_t)
}
