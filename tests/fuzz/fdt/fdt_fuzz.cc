// SPDX-License-Identifier: BSD-2-Clause
// Any bytes give a refusal or a MachineInfo that keeps every promise of machine.h.
#include "../target.h"

#include <drupe/drivers/fdt_machine.h>
#include <support/fdt_builder.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace drupe;

// A driver of each class, so that nodes become devices.
namespace {
constexpr std::string_view chips[] = {"chip"}, consoles[] = {"uart"}, clocks[] = {"rtc"};
}
DRUPE_DRIVER(chip) = {"chip", chips, drivers::DeviceClass::irq_chip, nullptr};
DRUPE_DRIVER(uart) = {"uart", consoles, drivers::DeviceClass::console, nullptr};
DRUPE_DRIVER(rtc) = {"rtc", clocks, drivers::DeviceClass::clock, nullptr};

namespace {

fdt::Bytes blob;

template <class View>
bool is_inside(const View& view) {
    const auto* begin = reinterpret_cast<const std::byte*>(view.data());
    return view.empty() ||
           (begin >= blob.data() && begin + view.size() <= blob.data() + blob.size());
}

void check_device(const drivers::DeviceNode& d) {
    FUZZ_CHECK(is_inside(d.name) && is_inside(d.compatible) && d.driver);
    FUZZ_CHECK(d.region_count >= 1 && d.region_count <= drivers::DeviceNode::max_regions);
    FUZZ_CHECK(d.interrupt_count <= drivers::DeviceNode::max_interrupts);
    for (unsigned i = 0; i < d.region_count; i++)
        FUZZ_CHECK(raw(d.regions[i].base) + d.regions[i].bytes >= raw(d.regions[i].base));
    for (unsigned i = 0; i < d.interrupt_count; i++) {
        const auto number = static_cast<std::uint32_t>(d.interrupts[i].number);
        FUZZ_CHECK(number >= 16 && number < 1020);
    }
    static_cast<void>(d.number("p"));
    static_cast<void>(d.number("reg"));
}

void check_machine(const drivers::MachineInfo& m) {
    std::uint64_t end = 0;
    for (const drivers::Region& bank : m.memory.all()) {
        const std::uint64_t base = raw(bank.base);
        FUZZ_CHECK(is_aligned(base, page_size) && is_aligned(bank.bytes, page_size));
        FUZZ_CHECK(bank.bytes != 0 && (end == 0 || base > end));
        end = base + bank.bytes;
        FUZZ_CHECK(end <= std::uint64_t{1} << 48 && end > base);
    }
    FUZZ_CHECK(is_inside(m.command_line) && is_inside(m.model) && is_inside(m.entropy));
    for (const drivers::DeviceNode& d : m.devices.all()) check_device(d);
    if (m.initrd) FUZZ_CHECK(m.initrd->bytes != 0);
}

/// Most damage to a header is refused at once. So an input that does not begin with the magic
/// number is only what follows the header: how long the strings are, the structure, the strings.
std::vector<std::uint8_t> with_header(const std::uint8_t* data, std::size_t bytes) {
    if (bytes < 4 || data[0] == 0xd0) return {data, data + bytes};
    const std::size_t body = bytes - 2;
    const std::size_t strings = std::min<std::size_t>(body, data[0] << 8 | data[1]);
    const std::size_t structure = (body - strings) & ~std::size_t{3};
    constexpr std::size_t header = 40, reservations = 16;
    std::vector<std::uint8_t> whole;
    const auto word = [&](std::size_t v) {
        for (int shift = 24; shift >= 0; shift -= 8)
            whole.push_back(static_cast<std::uint8_t>(v >> shift));
    };
    for (std::size_t v : {std::size_t{0xd00dfeed}, header + reservations + structure + strings,
                          header + reservations, header + reservations + structure, header,
                          std::size_t{17}, std::size_t{16}, std::size_t{0}, strings, structure})
        word(v);
    whole.insert(whole.end(), reservations, 0);
    whole.insert(whole.end(), data + 2, data + 2 + structure);
    whole.insert(whole.end(), data + bytes - strings, data + bytes);
    return whole;
}

/// What with_header() makes the same tree of again.
std::vector<std::uint8_t> without_header(const std::vector<std::uint8_t>& whole) {
    const auto at = [&](std::size_t i) {
        return std::size_t{whole[i + 2]} << 8 | whole[i + 3]; // small trees only
    };
    const std::size_t structure = at(8), strings = at(12), size = at(32), length = at(36);
    std::vector<std::uint8_t> body{static_cast<std::uint8_t>(size >> 8),
                                   static_cast<std::uint8_t>(size)};
    const auto begin = whole.begin();
    body.insert(body.end(), begin + static_cast<std::ptrdiff_t>(structure),
                begin + static_cast<std::ptrdiff_t>(structure + length));
    body.insert(body.end(), begin + static_cast<std::ptrdiff_t>(strings),
                begin + static_cast<std::ptrdiff_t>(strings + size));
    return body;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static fdt::Scratch scratch;
    const std::vector<std::uint8_t> whole = with_header(data, bytes);
    // Aligned as malloc does, and exactly as long: the sanitizer sees a read beyond it.
    const std::unique_ptr<void, decltype(&std::free)> copy(std::malloc(whole.size()), std::free);
    if (!whole.empty()) std::memcpy(copy.get(), whole.data(), whole.size());
    blob = {static_cast<const std::byte*>(copy.get()), whole.size()};
    auto machine = std::make_unique<drivers::MachineInfo>();
    FUZZ_CHECK(fdt::used_bytes(blob) <= blob.size());
    // What was collected before the blob showed to be corrupt is as sound.
    static_cast<void>(fdt::describe_machine(blob, scratch, *machine));
    check_machine(*machine);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    test::FdtBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2}).reserve(0x1000, 0x1000);
    tree.begin("memory@4").strings("device_type", {"memory"});
    tree.cells("reg", {0, 0x40000000, 0, 0x8000000, 0, 0x41000000, 0, 0x10000000, 0, 0x60000000, 0,
                       0x1000})
        .end();
    tree.begin("chosen").strings("stdout-path", {"s0:1"}).strings("bootargs", {"x y"});
    tree.cells("linux,initrd-start", {0x1000}).cells("linux,initrd-end", {0x2000});
    tree.cells("rng-seed", {1, 2}).cells("kaslr-seed", {1, 2}).end();
    tree.begin("aliases").strings("s0", {"/soc/uart@1"}).end();
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.begin("cpu@0").strings("device_type", {"cpu"}).cells("reg", {0});
    tree.strings("enable-method", {"spin-table"}).cells("cpu-release-addr", {0, 8}).end().end();
    tree.begin("chip").strings("compatible", {"chip"}).cells("phandle", {1});
    tree.cells("#interrupt-cells", {3}).cells("reg", {0, 0x100, 0, 0x100}).end();
    tree.begin("timer").strings("compatible", {"arm,armv8-timer"}).cells("interrupt-parent", {1});
    tree.cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4}).end();
    tree.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.cells("ranges", {0, 0, 0x1000, 0x10000}).cells("interrupt-parent", {1});
    tree.begin("uart@1").strings("compatible", {"none", "uart"}).cells("reg", {0x10, 0x10});
    tree.cells("interrupts", {0, 1, 4}).cells("p", {1, 2}).end();
    tree.begin("rtc").strings("compatible", {"rtc"}).cells("reg", {0x20, 4});
    tree.cells("interrupts-extended", {1, 0, 5, 1}).end().end().end();
    std::vector<std::vector<std::uint8_t>> corpus;
    const std::vector<std::uint64_t> words = tree.build();
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
    corpus.emplace_back(bytes, bytes + words.size() * 8);
    for (int weight = 0; weight < 3; weight++) corpus.push_back(without_header(corpus[0]));
    return corpus;
}
