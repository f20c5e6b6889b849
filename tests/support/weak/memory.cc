// SPDX-License-Identifier: BSD-2-Clause
#include <weak/memory.h>

#include <weak/machine.h>
#include <weak/sites.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace weak {
namespace {

constexpr std::size_t kept_stores = 8;
/// A store becomes visible after finite time: so often in a row a CPU may miss the newest one.
constexpr unsigned most_stale = 12;

std::uint64_t value_at(const void* at, unsigned bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, bytes);
    return value;
}

} // namespace

void Memory::tick(Cpu& cpu, unsigned index) {
    cpu.view.before.at[index] = cpu.view.seen.at[index] = ++cpu.now;
}

Memory::Location& Memory::location(const void* at, unsigned bytes) {
    Location& found = locations_[reinterpret_cast<std::uintptr_t>(at)];
    // The value also changes when code that is not played writes it.
    if (found.bytes != bytes || found.stores.back().value != value_at(at, bytes)) {
        found.bytes = bytes;
        found.stale = {};
        found.stores.assign(1, Store{.value = value_at(at, bytes)});
    }
    return found;
}

/// May the CPU no longer return anything older? Coherence: the store, or a load that returned it,
/// comes before; and S, the order of seq_cst operations ([atomics.order]/4), here the order in
/// which they are executed.
bool Memory::is_known(const Cpu& cpu, const Store& store, int order) const {
    const bool is_total = order == __ATOMIC_SEQ_CST;
    if (cpu.view.seen.knows(store.cpu, store.when)) return true;
    if (is_total && (store.place != 0 || fences_.knows(store.cpu, store.when))) return true;
    if (store.place != 0 && store.place < cpu.view.fence) return true;
    for (unsigned reader = 0; reader < max_cpus; ++reader) {
        const Epoch when = store.first_read[reader];
        if (when == 0) continue;
        if (cpu.view.seen.knows(reader, when)) return true;
        if (is_total && fences_.knows(reader, when)) return true;
    }
    return false;
}

/// The CPU's operation reads `store`.
void Memory::take(unsigned index, Store& store, int order) {
    Cpu& cpu = cpus_[index];
    if (store.first_read[index] == 0) store.first_read[index] = cpu.now;
    if (order == __ATOMIC_SEQ_CST) store.place = ++places_;
    if (!store.releases) return;
    if (is_acquire(order))
        cpu.view.join(store.released);
    else
        cpu.pending.join(store.released);
}

std::uint64_t Memory::load(unsigned index, const void* at, unsigned bytes, int order) {
    Cpu& cpu = cpus_[index];
    tick(cpu, index);
    Location& from = location(at, bytes);
    std::size_t oldest = from.stores.size() - 1;
    while (oldest > 0 && !is_known(cpu, from.stores[oldest], order)) --oldest;
    std::size_t chosen = from.stores.size() - 1;
    Machine& machine = Machine::instance();
    if (oldest < chosen && from.stale[index] < most_stale &&
        !machine.random().one_in(machine.stale_rate())) {
        chosen = oldest + machine.random().below(chosen - oldest + 1);
    }
    from.stale[index] = chosen + 1 == from.stores.size() ? 0 : from.stale[index] + 1;
    Store& store = from.stores[chosen];
    take(index, store, order);
    return store.value;
}

std::uint64_t Memory::load_newest(unsigned index, const void* at, unsigned bytes, int order) {
    tick(cpus_[index], index);
    Location& from = location(at, bytes);
    from.stale[index] = 0;
    take(index, from.stores.back(), order);
    return from.stores.back().value;
}

void Memory::append(unsigned index, Location& to, std::uint64_t value, int order, bool replaces) {
    Cpu& cpu = cpus_[index];
    Store fresh{.value = value, .cpu = index, .when = cpu.now};
    if (is_release(order)) {
        fresh.releases = true;
        fresh.released = cpu.view;
    } else if (cpu.has_fence) {
        fresh.releases = true;
        fresh.released = cpu.released;
    }
    if (replaces && to.stores.back().releases) { // a release sequence goes on
        fresh.releases = true;
        fresh.released.join(to.stores.back().released);
    }
    if (order == __ATOMIC_SEQ_CST) fresh.place = ++places_;
    to.stores.push_back(fresh);
    if (to.stores.size() > kept_stores) to.stores.pop_front();
}

void Memory::store(unsigned index, void* at, unsigned bytes, std::uint64_t value, int order) {
    tick(cpus_[index], index);
    append(index, location(at, bytes), value, order, false);
    std::memcpy(at, &value, bytes);
}

std::uint64_t Memory::newest(const void* at, unsigned bytes) {
    return location(at, bytes).stores.back().value;
}

void Memory::replace(unsigned index, void* at, unsigned bytes, std::uint64_t value, int order) {
    tick(cpus_[index], index);
    Location& to = location(at, bytes);
    to.stale[index] = 0;
    take(index, to.stores.back(), order);
    append(index, to, value, order, true);
    std::memcpy(at, &value, bytes);
}

void Memory::fence(unsigned index, int order) {
    Cpu& cpu = cpus_[index];
    tick(cpu, index);
    if (is_acquire(order)) cpu.view.join(cpu.pending);
    if (order == __ATOMIC_SEQ_CST) {
        fences_.join(cpu.view.seen);
        cpu.view.seen.join(fences_);
        cpu.view.fence = ++places_;
    }
    if (is_release(order)) {
        cpu.released = cpu.view;
        cpu.has_fence = true;
    }
}

// ---- plain accesses

namespace {

[[noreturn]] void race(const char* what, const void* at, unsigned other, const void* theirs,
                       const void* ours) {
    char text[160];
    std::snprintf(text, sizeof text, "data race at %p: %s, against CPU %u", at, what, other);
    std::string where = theirs ? "\n  theirs: " + describe(theirs) : std::string();
    Machine::instance().fail(text + ("\n  ours:   " + describe(ours)) + where);
}

} // namespace

// An access belongs to the epoch of the CPU's next atomic operation: what that one releases
// includes it, what the last one released does not.

void Memory::plain(unsigned index, const void* at, std::size_t bytes, bool writes,
                   const void* site) {
    const Cpu& cpu = cpus_[index];
    const Clock& before = cpu.view.before;
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    for (std::uintptr_t byte = first; byte < first + bytes; ++byte) {
        Shadow& s = shadow(byte);
        if (s.writer != index && !before.knows(s.writer, s.written))
            race(writes ? "written twice" : "read, written", at, s.writer, s.site, site);
        for (unsigned other = 0; other < max_cpus; ++other) {
            if (other == index) continue;
            if (!before.knows(other, s.atomic_write[other]))
                race(writes ? "written, atomically written" : "read, atomically written", at, other,
                     nullptr, site);
            if (writes &&
                (!before.knows(other, s.read[other]) || !before.knows(other, s.atomic_read[other])))
                race("written, read", at, other, nullptr, site);
        }
        if (!writes) {
            s.read[index] = cpu.now + 1;
            continue;
        }
        if (s.is_atomic) locations_.erase(byte); // begins a new life with what is written now
        s.is_atomic = false;
        s.writer = index;
        s.written = cpu.now + 1;
        s.site = site;
    }
}

void Memory::atomic(unsigned index, const void* at, std::size_t bytes, bool writes,
                    const void* site) {
    const Cpu& cpu = cpus_[index];
    const Clock& before = cpu.view.before;
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    for (std::uintptr_t byte = first; byte < first + bytes; ++byte) {
        Shadow& s = shadow(byte);
        if (s.writer != index && !before.knows(s.writer, s.written))
            race(writes ? "atomically written, written" : "atomically read, written", at, s.writer,
                 s.site, site);
        for (unsigned other = 0; writes && other < max_cpus; ++other)
            if (other != index && !before.knows(other, s.read[other]))
                race("atomically written, read", at, other, nullptr, site);
        s.is_atomic = true;
        (writes ? s.atomic_write : s.atomic_read)[index] = cpu.now + 1;
    }
}

void Memory::forget(const void* at, std::size_t bytes) {
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    const std::uintptr_t end = first + bytes;
    std::erase_if(locations_, [&](const auto& l) { return l.first >= first && l.first < end; });
    // Storage comes in whole blocks: its bounds are aligned.
    std::erase_if(shadows_,
                  [&](const auto& s) { return s.first >= first >> 3 && s.first < (end + 7) >> 3; });
}

void Memory::reset() {
    cpus_ = {};
    fences_ = {};
    places_ = 0;
    locations_.clear();
    shadows_.clear();
}

} // namespace weak
