// SPDX-License-Identifier: BSD-2-Clause
// Whatever configuration space answers, the bus driver ends soon, stays inside the host's windows,
// and lets nothing be mapped beyond what a function was given.
#include "../target.h"

#include <drupe/arch/host/mmio.h>
#include <drupe/drivers/binder.h>
#include <drupe/drivers/pci.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

using namespace drupe;
using drivers::DeviceNode;

namespace {

/// What the bus driver makes lives for ever: here, for a round. It may run out.
alignas(16) char arena[48 * 1024];
std::size_t arena_used = 0;

} // namespace

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    const std::size_t at = arena_used;
    if (bytes > sizeof arena - at) return nullptr;
    arena_used += (bytes + 15) & ~std::size_t{15};
    return arena + at;
}
void operator delete(void* at) noexcept {
    const auto* const byte = static_cast<const char*>(at);
    if (byte < arena || byte >= arena + sizeof arena) std::free(at);
}
void operator delete(void* at, std::size_t) noexcept { operator delete(at); }
void* operator new(std::size_t bytes) {
    void* const at = std::malloc(bytes);
    if (!at) std::abort();
    return at;
}

namespace {

constexpr std::uint64_t config_at = 0x3000'0000, low_at = 0x1000'0000, high_at = 0x80'0000'0000;
constexpr std::uint64_t io_at = 0x2000'0000, io_bytes = 0x10000, low_bytes = 0x800'0000;
constexpr std::uint64_t high_bytes = 0x80'0000'0000;
constexpr unsigned buses = 8, registers = 64;

/// Functions 0 and 1 of slots 0 and 1 of each bus have registers, taken from the input; of each, a
/// mask from the input says what can be written.
class Space final : public arch::host::MmioWindow {
public:
    Space(const std::uint8_t* data, std::size_t bytes) : MmioWindow(buses << 20) {
        const auto take = [&](std::uint32_t& word) {
            if (bytes < 4) return;
            std::memcpy(&word, data, 4);
            data += 4, bytes -= 4;
        };
        for (auto& function : words_)
            for (auto& word : function) take(word);
        for (auto& function : masks_)
            for (auto& word : function) take(word);
    }
    std::uint64_t read(std::size_t offset, unsigned) override {
        FUZZ_CHECK(++accesses_ < 200'000);
        const std::uint32_t* word = at(offset, words_);
        return word ? *word : ~0u;
    }
    void write(std::size_t offset, unsigned, std::uint64_t value) override {
        FUZZ_CHECK(++accesses_ < 200'000);
        std::uint32_t* word = at(offset, words_);
        if (!word) return;
        const std::uint32_t mask = *at(offset, masks_);
        *word = (*word & ~mask) | (static_cast<std::uint32_t>(value) & mask);
    }

private:
    using Words = std::uint32_t[buses * 4][registers];
    static std::uint32_t* at(std::size_t offset, Words& of) {
        const std::size_t bus = offset >> 20, slot = offset >> 15 & 31, function = offset >> 12 & 7;
        if (slot > 1 || function > 1 || (offset & 0xfff) >= registers * 4) return nullptr;
        return &of[bus * 4 + slot * 2 + function][(offset & 0xfff) / 4];
    }
    Words words_ = {}, masks_ = {};
    unsigned accesses_ = 0;
};

struct Memory final : arch::host::MmioWindow {
    Memory() : MmioWindow(0x10000) {}
    std::uint64_t read(std::size_t, unsigned) override { return 0; }
    void write(std::size_t, unsigned, std::uint64_t) override {}
};

Space* space = nullptr;
PhysAddr mapped_at;
std::uint64_t mapped_bytes;

Result<volatile void*> map(PhysAddr at, std::uint64_t bytes) {
    static Memory memory;
    if (raw(at) >= config_at && raw(at) - config_at < (buses << 20)) {
        FUZZ_CHECK(bytes <= (buses << 20) - (raw(at) - config_at));
        return static_cast<volatile char*>(space->base()) + (raw(at) - config_at);
    }
    mapped_at = at;
    mapped_bytes = bytes;
    return memory.base();
}

struct Messages final : irq::MessageController {
    Result<void> add_device(std::uint32_t, unsigned count) override {
        FUZZ_CHECK(count >= 1 && count <= 32);
        return {};
    }
    Result<irq::Message> allocate(std::uint32_t, unsigned) override { return Errc::no_space; }
};

class Properties final : public drivers::PropertySource {
public:
    bool is_settled = false;
    std::optional<std::span<const std::byte>> property(std::size_t,
                                                       std::string_view name) const override {
        static const std::string ranges =
            cells({0x01000000, 0,    0,      0,    io_at,  0,    io_bytes, //
                   0x02000000, 0,    low_at, 0,    low_at, 0,    low_bytes,
                   0x43000000, 0x80, 0,      0x80, 0,      0x80, 0});
        static const std::string messages = cells({0, 9, 0, 0x10000});
        if (name == "ranges") return std::as_bytes(std::span(ranges));
        if (name == "msi-map") return std::as_bytes(std::span(messages));
        return std::nullopt;
    }
    std::optional<std::span<const std::byte>> chosen(std::string_view) const override {
        static constexpr std::uint32_t yes = 0x01000000;
        if (!is_settled) return std::nullopt;
        return std::as_bytes(std::span(&yes, 1));
    }

private:
    static std::string cells(std::initializer_list<std::uint64_t> list) {
        std::string value;
        for (std::uint64_t c : list)
            for (int shift = 24; shift >= 0; shift -= 8) value += static_cast<char>(c >> shift);
        return value;
    }
};

bool is_inside(std::uint64_t at, std::uint64_t bytes, std::uint64_t from, std::uint64_t count) {
    return at >= from && at - from <= count && bytes <= count - (at - from);
}

/// A driver that asks for everything.
class Sink final : public drivers::NodeSink {
public:
    void emit(DeviceNode& node) override {
        pci::Function& function = *node.function;
        for (unsigned n = 0; n < pci::Function::bar_count; n++) {
            const pci::Bar& bar = function.bar(n);
            if (!bar.has_address) continue;
            const std::uint64_t at = raw(bar.at);
            FUZZ_CHECK(is_inside(at, bar.bytes, io_at, io_bytes) ||
                       is_inside(at, bar.bytes, low_at, low_bytes) ||
                       is_inside(at, bar.bytes, high_at, high_bytes));
        }
        static_cast<void>(function.capability(9));
        function.set_bus_master(true);
        mapped_bytes = 0;
        static_cast<void>(function.start_messages(map));
        bool is_claimed = mapped_bytes == 0;
        for (unsigned n = 0; n < pci::Function::bar_count; n++) {
            const pci::Bar& bar = function.bar(n);
            is_claimed |=
                bar.has_address && is_inside(raw(mapped_at), mapped_bytes, raw(bar.at), bar.bytes);
        }
        FUZZ_CHECK(is_claimed);
        static_cast<void>(function.attach_line([](void*) {}, nullptr));
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static Messages messages;
    static const bool once = (messages.handle = 9, irq::add_message_controller(messages), true);
    static_cast<void>(once);
    if (bytes == 0) return 0;
    Properties properties;
    properties.is_settled = (data[0] & 1) != 0;
    Space all(data + 1, bytes - 1);
    space = &all;
    DeviceNode node{};
    node.name = "pci";
    node.compatible = "pci-host-ecam-generic";
    node.regions[0] = {PhysAddr{config_at}, buses << 20};
    node.region_count = 1;
    node.bus_cells = 2;
    node.source = &properties;
    arena_used = 0;
    Sink sink;
    static_cast<void>(drivers::find_driver(node)->scan(node, map, sink));
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    // On each bus a bridge, and a function with registers of all kinds and both kinds of messages;
    // its table ends where the register does.
    std::vector<std::uint32_t> words(2 * buses * 4 * registers);
    for (unsigned bus = 0; bus < buses; bus++) {
        std::uint32_t* bridge = &words[bus * 4 * registers];
        std::uint32_t* mask = bridge + buses * 4 * registers;
        bridge[0] = 0x00011234, bridge[1] = 0x100000, bridge[3] = 0x810000;
        bridge[9] = 0x00010001, bridge[13] = 0x40, bridge[16] = 0x00420010;
        bridge[6] = (bus + 1) << 8 | 7 << 16;
        mask[6] = 0xffffff, mask[8] = mask[9] = 0xfff0fff0;
        std::uint32_t* device = bridge + registers;
        std::uint32_t* writable = mask + registers;
        device[0] = 0x00021234, device[1] = 0x100000, device[13] = 0x40, device[15] = 0x100;
        device[16] = 0x00030011, device[17] = 0x1fc0, device[20] = 0x5;
        writable[4] = 0xffffe000;
        device[5] = 1, writable[5] = 0xffe0;
        device[6] = 0xc, writable[6] = 0xffff0000, writable[7] = ~0u;
        device[4] = low_at + bus * 0x10000, device[6] |= 0x10000 * bus, device[7] = 0x80;
        writable[1] = 0x0407, writable[16] = writable[20] = 0xffff0000;
    }
    std::vector<std::vector<std::uint8_t>> corpus;
    for (std::uint8_t settled : {0, 1}) {
        std::vector<std::uint8_t> input(1 + words.size() * 4, settled);
        std::memcpy(&input[1], words.data(), words.size() * 4);
        corpus.push_back(input);
    }
    return corpus;
}
