// SPDX-License-Identifier: BSD-2-Clause
// The devices that are no hardware. Numbers: [linux] Documentation/admin-guide/devices.txt,
// major 1.
#include "devices.h"

#include <drupe/arch/user_access.h>
#include <drupe/base/scope_exit.h>
#include <drupe/entropy/random.h>
#include <drupe/vfs/device_file.h>

#include <algorithm>

namespace drupe::devfs {

using namespace vfs;

namespace {

class MemoryDevice : public File {
public:
    MemoryDevice(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
    /// Positions mean nothing here; lseek answers what it is told (null_lseek).
    Result<std::uint64_t> seek(std::int64_t, int) override { return std::uint64_t{0}; }
    Result<std::size_t> read(IoBuffer& buffer) override { return read_at(buffer, 0); }
    Result<std::size_t> write(IoBuffer& buffer) override {
        std::uint64_t at = 0;
        return write_at(buffer, at, false);
    }
    /// Takes and forgets everything.
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t&, bool) override {
        return buffer.size();
    }
};

class Null final : public MemoryDevice {
public:
    using MemoryDevice::MemoryDevice;
    Result<std::size_t> read_at(IoBuffer&, std::uint64_t) override { return std::size_t{0}; }
};

class Zero : public MemoryDevice {
public:
    using MemoryDevice::MemoryDevice;
    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t) override {
        return buffer.put_zeros(buffer.size());
    }
    Result<RefPtr<mm::VmObject>> mappable(bool, bool) override {
        return RefPtr<mm::VmObject>(); // anonymous memory
    }
};

class Full final : public Zero {
public:
    using Zero::Zero;
    Result<std::size_t> write_at(IoBuffer&, std::uint64_t&, bool) override {
        return Errc::no_space;
    }
    Result<RefPtr<mm::VmObject>> mappable(bool, bool) override { return Errc::wrong_device; }
};

class Random final : public MemoryDevice {
public:
    using MemoryDevice::MemoryDevice;
    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t) override;
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t&, bool) override;
    bool can_poll() const override { return true; }
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;
};

Result<std::size_t> Random::read_at(IoBuffer& buffer, std::uint64_t) {
    std::byte block[256];
    ScopeExit forget{[&] { std::fill(std::begin(block), std::end(block), std::byte{0}); }};
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::size_t piece = std::min(buffer.size(), sizeof block);
        entropy::fill({block, piece});
        const Result<std::size_t> put = buffer.put(block, piece);
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

/// What programs write is stirred in and counts for nothing.
Result<std::size_t> Random::write_at(IoBuffer& buffer, std::uint64_t&, bool) {
    std::byte block[256];
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::size_t piece = std::min(buffer.size(), sizeof block);
        const Result<std::size_t> taken = buffer.take(block, piece);
        if (!taken.ok()) return moved ? Result<std::size_t>(moved) : taken.error();
        entropy::add({block, taken.value()}, entropy::Quality::stir);
        moved += taken.value();
        if (taken.value() != piece) break;
    }
    return moved;
}

Result<std::uint64_t> Random::ioctl(std::uint32_t request, std::uint64_t argument) {
    constexpr std::uint32_t rnd_get_entropy_count = 0x8004'5200;
    if (request != rnd_get_entropy_count) return Errc::invalid;
    const std::int32_t bits = entropy::is_seeded() ? 256 : 0;
    TRY(arch::put_user(VirtAddr{argument}, bits));
    return std::uint64_t{0};
}

template <class Device>
Result<RefPtr<File>> open_device(Dentry& dentry, std::uint32_t flags) {
    RefPtr<File> file = TRY(make_ref<Device>(dentry, flags));
    return file;
}

constinit DeviceFile null_device{1, 3, "null", 0666, open_device<Null>};
constinit DeviceFile zero_device{1, 5, "zero", 0666, open_device<Zero>};
constinit DeviceFile full_device{1, 7, "full", 0666, open_device<Full>};
constinit DeviceFile random_device{1, 8, "random", 0666, open_device<Random>};
constinit DeviceFile urandom_device{1, 9, "urandom", 0666, open_device<Random>};

} // namespace

void register_memory_devices() {
    for (DeviceFile* device :
         {&null_device, &zero_device, &full_device, &random_device, &urandom_device})
        register_device_file(*device);
}

} // namespace drupe::devfs
