// SPDX-License-Identifier: BSD-2-Clause
// A PCI bus for tests: functions whose configuration space has registers as the specification says,
// reachable through bridges as these are set, over ECAM or CAM.
#pragma once

#include <drupe/arch/host/mmio.h>
#include <drupe/drivers/device.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace drupe::test {

struct FakeFunction {
    unsigned place; // slot and function
    std::array<std::uint32_t, 64> words{}, writable{};
    std::deque<FakeFunction> behind; // a bridge's
    bool is_bridge = false;

    FakeFunction(unsigned slot, unsigned function, std::uint32_t identity, std::uint32_t kind = 0)
        : place(slot * 8 + function) {
        words[0] = identity;
        words[3] = kind << 16;
        writable[1] = 0x0407;
        is_bridge = (kind & 0x7f) == 1;
        if (is_bridge) {
            words[2] = 0x06040000;
            writable[6] = 0xffffff;
            writable[7] = 0xf0f0, writable[12] = ~0u;
            writable[8] = writable[9] = 0xfff0fff0, writable[10] = writable[11] = ~0u;
            words[9] = 0x00010001; // its prefetchable window has 64 bits
        }
    }
    void bar(unsigned n, std::uint64_t bytes, std::uint32_t flags) {
        const std::uint64_t mask = ~(bytes - 1);
        words[4 + n] = flags;
        writable[4 + n] = static_cast<std::uint32_t>(mask) & ~0xfu;
        if ((flags & 1) != 0) writable[4 + n] = static_cast<std::uint32_t>(mask) & ~3u;
        if ((flags & 7) == 4) writable[5 + n] = static_cast<std::uint32_t>(mask >> 32);
    }
    std::uint64_t address(unsigned n) const {
        const std::uint32_t low = words[4 + n];
        if (low & 1) return low & ~3u;
        return (low & ~15u) | ((low & 6) == 4 ? std::uint64_t{words[5 + n]} << 32 : 0);
    }
};

/// `shift`: log2 of a function's configuration space: 12 for ECAM, 8 for CAM.
class FakePci final : public arch::host::MmioWindow {
public:
    explicit FakePci(unsigned shift, unsigned buses = 16)
        : MmioWindow(std::size_t{buses} << (shift + 8)), shift_(shift) {}

    std::deque<FakeFunction> functions; // of bus 0
    unsigned reads = 0, writes = 0, wrong_accesses = 0;

    FakeFunction* find(unsigned number) { return find_on(functions, 0, number); }

    std::uint64_t read(std::size_t offset, unsigned width) override {
        reads++;
        std::uint32_t* const word = at(offset, width);
        return word ? *word : ~0u;
    }
    void write(std::size_t offset, unsigned width, std::uint64_t value) override {
        writes++;
        std::uint32_t* const word = at(offset, width);
        if (!word) return;
        const std::uint32_t mask = function_->writable[register_];
        *word = (*word & ~mask) | (static_cast<std::uint32_t>(value) & mask);
    }

private:
    static FakeFunction* find_on(std::deque<FakeFunction>& bus, unsigned number_of_bus,
                                 unsigned wanted) {
        for (FakeFunction& f : bus) {
            if (number_of_bus * 256 + f.place == wanted) return &f;
            const unsigned first = f.words[6] >> 8 & 0xff, last = f.words[6] >> 16 & 0xff;
            if (!f.is_bridge || wanted >> 8 < first || wanted >> 8 > last || first == 0) continue;
            if (FakeFunction* found = find_on(f.behind, first, wanted)) return found;
        }
        return nullptr;
    }
    std::uint32_t* at(std::size_t offset, unsigned width) {
        if (width != 4 || offset % 4 != 0) wrong_accesses++;
        function_ = find(static_cast<unsigned>(offset >> shift_));
        register_ = (offset & ((1u << shift_) - 1)) / 4;
        return function_ && register_ < 64 ? &function_->words[register_] : nullptr;
    }
    const unsigned shift_;
    FakeFunction* function_ = nullptr;
    std::size_t register_ = 0;
};

/// Properties of a host bridge.
class FakeProperties final : public drivers::PropertySource {
public:
    std::map<std::string, std::string, std::less<>> values;
    bool is_settled = false;
    mutable std::uint32_t asked[4] = {};

    void cells(const std::string& name, std::initializer_list<std::uint32_t> list) {
        std::string& value = values[name];
        value.clear();
        for (std::uint32_t c : list)
            for (int shift = 24; shift >= 0; shift -= 8) value += static_cast<char>(c >> shift);
    }
    std::optional<std::span<const std::byte>> property(std::size_t,
                                                       std::string_view name) const override {
        const auto found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return std::as_bytes(std::span(found->second));
    }
    std::optional<std::span<const std::byte>> chosen(std::string_view name) const override {
        static constexpr std::uint32_t yes = 0x01000000;
        if (name != "linux,pci-probe-only" || !is_settled) return std::nullopt;
        return std::as_bytes(std::span(&yes, 1));
    }
    std::optional<drivers::Interrupt>
    routed_interrupt(std::size_t, const std::uint32_t (&child)[4]) const override {
        for (unsigned i = 0; i < 4; i++) asked[i] = child[i];
        return drivers::Interrupt{irq::IrqNumber{32 + child[3]}, irq::Trigger::level};
    }
};

} // namespace drupe::test
