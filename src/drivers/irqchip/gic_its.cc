// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/barrier.h>
#include <drupe/arch/cache.h>
#include <drupe/arch/cpu.h>
#include <drupe/drivers/gic_its.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::drivers {
namespace {

// [arm/gic] "ITS register map"
constexpr std::size_t ctlr = 0x0, typer = 0x8, cbaser = 0x80, cwriter = 0x88, creadr = 0x90;
constexpr std::size_t baser = 0x100, translater = 0x10040;
constexpr unsigned baser_count = 8;
constexpr std::uint64_t ctlr_enabled = 1, ctlr_quiescent = 1ull << 31;
constexpr std::uint64_t typer_physical = 1, typer_target_address = 1 << 19;
enum TableType : std::uint64_t { devices = 1, collections = 4 };
// GICR_CTLR, GICR_TYPER, GICR_PROPBASER, GICR_PENDBASER
constexpr std::size_t r_ctlr = 0x0, r_typer = 0x8, r_propbaser = 0x70, r_pendbaser = 0x78;
constexpr std::uint32_t r_ctlr_enable_lpis = 1;
constexpr std::uint64_t pending_is_zero = 1ull << 62;
constexpr std::uint64_t valid = 1ull << 63;
// Inner shareable, cached with write-back: in GITS_*BASER and in GICR_*BASER.
constexpr std::uint64_t its_memory = 1 << 10 | 7ull << 59, redistributor_memory = 1 << 10 | 7 << 7;
enum : std::uint64_t { movi = 0x1, sync = 0x5, mapd = 0x8, mapc = 0x9, mapti = 0xa, inv = 0xc };

constexpr unsigned id_bits = 14; // the least that LPIs can have
constexpr unsigned table_order = 4;
constexpr std::uint64_t table_bytes = page_size << table_order; // the largest page of a table
constexpr std::uint32_t queue_length = page_size / 32;

std::uint64_t get(gic::Frame frame, std::size_t offset) {
    return arch::mmio_read<std::uint64_t>(frame.at(offset));
}
void put(gic::Frame frame, std::size_t offset, std::uint64_t value) {
    arch::mmio_write<std::uint64_t>(frame.at(offset), value);
}

std::span<std::byte> bytes_at(PhysAddr at, std::size_t count) {
    return {static_cast<std::byte*>(mm::phys_to_virt(at)), count};
}

/// Memory that the hardware reads past our caches or through them.
Result<PhysAddr> make_table(unsigned order, std::uint8_t fill = 0) {
    const PhysAddr at = TRY(mm::alloc_frames(order));
    const auto bytes = bytes_at(at, page_size << order);
    std::memset(bytes.data(), fill, bytes.size());
    arch::dcache_clean(bytes);
    return at;
}

} // namespace

/// The tables of devices and of collections, where the hardware wants them.
Result<void> GicIts::set_tables() {
    for (unsigned i = 0; i < baser_count; i++) {
        const std::uint64_t offered = get(base_, baser + i * 8);
        const std::uint64_t type = offered >> 56 & 7, entry = (offered >> 48 & 0x1f) + 1;
        if (type != devices && type != collections) continue;
        const PhysAddr table = TRY(make_table(table_order));
        // Pages of 4 KiB, unless it knows only one other size.
        std::uint64_t page = page_size;
        for (unsigned tries = 0; tries < 2; tries++) {
            const std::uint64_t size = page == page_size ? 0 : page == 4 * page_size ? 1 : 2;
            put(base_, baser + i * 8,
                valid | its_memory | raw(table) | size << 8 | (table_bytes / page - 1));
            const std::uint64_t taken = get(base_, baser + i * 8) >> 8 & 3;
            if (taken == size) break;
            page = taken == 0 ? page_size : taken == 1 ? 4 * page_size : 16 * page_size;
        }
        if (type == devices) device_limit_ = table_bytes / entry;
    }
    const std::uint64_t numbers = 1ull << ((get(base_, typer) >> 13 & 0x1f) + 1);
    device_limit_ = std::min(device_limit_, numbers);
    return {};
}

Result<void> GicIts::start() {
    const std::uint64_t type = get(base_, typer);
    if (!chip_.has_lpis() || (type & typer_physical) == 0) return Errc::not_supported;
    base_.write(ctlr, 0);
    for (unsigned tries = 0; (base_.read(ctlr) & ctlr_quiescent) == 0; tries++)
        if (tries == 1'000'000) return Errc::io;
    entry_bytes_ = static_cast<std::uint32_t>(type >> 4 & 0xf) + 1;
    TRY(set_tables());
    const PhysAddr queue = TRY(make_table(0));
    queue_ = static_cast<Command*>(mm::phys_to_virt(queue));
    put(base_, cbaser, valid | its_memory | raw(queue));
    put(base_, cwriter, 0);
    // Every LPI is on from the beginning: none comes before its event is mapped.
    settings_ = TRY(make_table(1, gic::priority | 1));
    arch::barrier_complete();
    base_.write(ctlr, ctlr_enabled);
    chip_.use(*this);
    for (std::uint32_t cpu = 0; cpu < chip_.cpu_count(); cpu++) TRY(init_cpu(cpu));
    return {};
}

/// How a command names a CPU: RDbase.
std::uint64_t GicIts::target(std::uint32_t cpu) const {
    const GicV3::Redistributor& to = chip_.redistributor(cpu);
    if (get(base_, typer) & typer_target_address) return raw(to.at);
    return (to.frame.read(r_typer) >> 8 & 0xffff) << 16;
}

Result<void> GicIts::init_cpu(std::uint32_t cpu) {
    const gic::Frame frame = chip_.redistributor(cpu).frame;
    if (frame.read(r_ctlr) & r_ctlr_enable_lpis) return Errc::not_supported; // for ever firmware's
    const PhysAddr pending = TRY(make_table(table_order));                   // aligned to 64 KiB
    put(frame, r_propbaser, raw(settings_) | redistributor_memory | (id_bits - 1));
    put(frame, r_pendbaser, raw(pending) | redistributor_memory | pending_is_zero);
    arch::barrier_complete();
    frame.write(r_ctlr, frame.read(r_ctlr) | r_ctlr_enable_lpis);
    // Collection n is CPU n.
    return run({{mapc, 0, valid | target(cpu) | cpu, 0}}, cpu);
}

Result<void> GicIts::run(const Command& command, std::uint32_t cpu) {
    IrqGuard guard{lock_};
    TRY(issue(command));
    return issue({{sync, 0, target(cpu), 0}});
}

Result<void> GicIts::issue(const Command& command) {
    Command& slot = queue_[next_];
    slot = command;
    arch::dcache_clean(std::as_bytes(std::span(&slot, 1)));
    next_ = (next_ + 1) % queue_length;
    const std::uint64_t end = std::uint64_t{next_} * sizeof(Command);
    arch::barrier_complete();
    put(base_, cwriter, end);
    for (unsigned tries = 0; tries < 1'000'000; tries++) {
        const std::uint64_t done = get(base_, creadr);
        if (done == end) return {};
        if (done & 1) break; // stalled
        arch::cpu_relax();
    }
    return Errc::io;
}

Result<void> GicIts::add_device(std::uint32_t device, unsigned count) {
    if (has_failed_) return Errc::not_supported;
    if (!is_started_) {
        has_failed_ = true; // unless it comes up, once
        TRY(start());
        has_failed_ = false, is_started_ = true;
    }
    const std::size_t room = std::min<std::size_t>(max_messages, page_size / entry_bytes_);
    if (device >= device_limit_ || count == 0 || count > room) return Errc::not_supported;
    const PhysAddr table = TRY(make_table(0));
    const std::uint64_t bits = count > 1 ? std::bit_width(count - 1) : 1;
    return run({{mapd | std::uint64_t{device} << 32, bits - 1, valid | raw(table), 0}}, 0);
}

Result<irq::Message> GicIts::allocate(std::uint32_t device, unsigned index) {
    if (event_count_ == lpi_count) return Errc::no_space;
    const std::uint32_t number = gic::first_lpi + event_count_;
    const std::uint64_t which = std::uint64_t{device} << 32;
    TRY(run({{mapti | which, std::uint64_t{number} << 32 | index, 0, 0}}, 0));
    TRY(run({{inv | which, index, 0, 0}}, 0));
    events_[event_count_++] = {device, index};
    return irq::Message{at_ + translater, index, irq::IrqNumber{number}};
}

void GicIts::route(irq::IrqNumber irq, std::uint32_t cpu) {
    const Event& event = events_[static_cast<std::uint32_t>(irq) - gic::first_lpi];
    // Where it does not take the command, the interrupt stays where it was.
    static_cast<void>(run({{movi | std::uint64_t{event.device} << 32, event.index, cpu, 0}}, cpu));
}

namespace {

constexpr std::string_view models[] = {"arm,gic-v3-its"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    GicV3* const chip = GicV3::installed();
    if (!chip) return Errc::not_supported;
    volatile void* const base = TRY(node.map(0, map_device));
    auto its = TRY(make_own<GicIts>(base, node.regions[0].base, *chip));
    its->handle = static_cast<std::uint32_t>(node.number("phandle").value_or(0));
    irq::add_message_controller(*its);
    return OwnPtr<Device>(its.leak());
}

} // namespace

DRUPE_DRIVER(gic_its) = {"gic-its", models, DeviceClass::message_controller, probe};

} // namespace drupe::drivers
