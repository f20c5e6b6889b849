// SPDX-License-Identifier: BSD-2-Clause
// QEMU's firmware configuration device ([qemu] docs/specs/fw_cfg), by DMA: the guest writes the
// address of a request, and has the answer when the write is over. What the request and the
// directory of items hold is big-endian.
#include <drupe/arch/barrier.h>
#include <drupe/arch/cpu.h>
#include <drupe/arch/direct_map.h>
#include <drupe/arch/io.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/sync/spin_lock.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::drivers {
namespace {

constexpr std::size_t dma_address = 16;                        // the register
constexpr std::uint64_t dma_signature = 0x5145'4d55'2043'4647; // "QEMU CFG", read from it
constexpr std::uint16_t key_id = 0x01, key_directory = 0x19;
constexpr std::uint32_t most_items = 1024;

enum Control : std::uint32_t { failed = 1, do_read = 2, do_skip = 4, do_select = 8 };

std::uint32_t big(std::uint32_t v) { return __builtin_bswap32(v); }

class FwCfg final : public Device, public FirmwareItems {
public:
    explicit FwCfg(volatile void* base) : base_(static_cast<volatile char*>(base)) {}

    FirmwareItems* firmware_items() override { return this; }

    Result<std::uint32_t> features() override {
        std::uint32_t id = 0; // little-endian, alone here
        TRY(read(key_id, 0, std::as_writable_bytes(std::span(&id, 1))));
        return id;
    }
    Result<std::uint32_t> count() override {
        std::uint32_t count = 0;
        TRY(read(key_directory, 0, std::as_writable_bytes(std::span(&count, 1))));
        return std::min(big(count), most_items);
    }
    Result<FirmwareItem> item(std::uint32_t number) override;
    Result<void> read(std::uint16_t key, std::uint64_t offset, std::span<std::byte> to) override;

private:
    /// What the device reads and writes, so it is the machine's memory, not a stack.
    struct alignas(16) Shared {
        std::uint32_t control, length;
        std::uint64_t address;
        std::byte data[496];
    };
    Result<void> request_locked(std::uint32_t control, std::uint32_t length) REQUIRES(lock_);

    volatile char* const base_;
    SpinLock<LockRank::device> lock_;
    Shared shared_ GUARDED_BY(lock_) = {};
};

Result<void> FwCfg::request_locked(std::uint32_t control, std::uint32_t length) {
    volatile std::uint32_t& state = shared_.control;
    state = big(control);
    shared_.length = big(length);
    shared_.address = __builtin_bswap64(raw(arch::direct_unmap(shared_.data)));
    arch::barrier_dma_full(); // the request before its address
    const std::uint64_t at = raw(arch::direct_unmap(&shared_));
    arch::mmio_write<std::uint64_t>(base_ + dma_address, __builtin_bswap64(at));
    for (unsigned round = 0; big(state) & ~std::uint32_t{failed}; round++) { // over at once in QEMU
        if (round == 1'000'000) return Errc::io;
        arch::cpu_relax();
    }
    arch::barrier_dma_full(); // the end before the answer
    if (state != 0) return Errc::io;
    return {};
}

Result<void> FwCfg::read(std::uint16_t key, std::uint64_t offset, std::span<std::byte> to) {
    // A request skips 32 bits of bytes at most, and no item is larger.
    if (offset + to.size() > UINT32_MAX) return Errc::invalid;
    SpinGuard guard(lock_);
    TRY(request_locked(do_select | do_skip | std::uint32_t{key} << 16,
                       static_cast<std::uint32_t>(offset)));
    while (!to.empty()) {
        const std::size_t bytes = std::min(to.size(), sizeof shared_.data);
        TRY(request_locked(do_read, static_cast<std::uint32_t>(bytes)));
        std::memcpy(to.data(), shared_.data, bytes);
        to = to.subspan(bytes);
    }
    return {};
}

Result<FirmwareItem> FwCfg::item(std::uint32_t number) {
    struct Entry {
        std::uint32_t bytes;
        std::uint16_t key, unused;
        char name[56];
    } entry{};
    TRY(read(key_directory, 4 + std::uint64_t{number} * sizeof entry,
             std::as_writable_bytes(std::span(&entry, 1))));
    FirmwareItem item{.bytes = big(entry.bytes), .key = __builtin_bswap16(entry.key), .name = {}};
    std::memcpy(item.name, entry.name, sizeof entry.name - 1); // ends there, whatever it says
    return item;
}

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    if (node.region_count == 0 || node.regions[0].bytes < dma_address + 8) return Errc::invalid;
    volatile void* const base = TRY(node.map(0, map_device));
    const auto* address = static_cast<const volatile char*>(base) + dma_address;
    // Without DMA (before QEMU 2.5) it is left alone.
    if (__builtin_bswap64(arch::mmio_read<std::uint64_t>(address)) != dma_signature)
        return Errc::not_supported;
    return OwnPtr<Device>(TRY(make_own<FwCfg>(base)).leak());
}

constexpr std::string_view models[] = {"qemu,fw-cfg-mmio"};

} // namespace

DRUPE_DRIVER(fw_cfg) = {"fw_cfg", models, DeviceClass::other, probe};

} // namespace drupe::drivers
