// SPDX-License-Identifier: BSD-2-Clause
// From a device's interrupt to who reads.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/arch/cpu.h>
#include <drupe/tty/input_pump.h>

#include <atomic>

using namespace drupe;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

/// A device of two bytes, each put there by a CPU of its own.
struct Device {
    std::atomic<char> bytes[2] = {};
    bool is_read[2] = {};
    std::atomic<unsigned> arrived{0};
};
Device* device = nullptr;

std::size_t read_device(std::span<char> buffer) {
    for (unsigned i = 0; i < 2; ++i) {
        buffer[0] = device->bytes[i].load(std::memory_order_relaxed);
        if (buffer[0] == 0 || device->is_read[i]) continue;
        device->is_read[i] = true;
        return 1;
    }
    return 0;
}

class Receiver final : public tty::InputReceiver {
public:
    std::size_t receive(std::string_view bytes) override {
        device->arrived.fetch_add(1, std::memory_order_relaxed);
        return bytes.size();
    }
};

weak::Scenario carried{"what a device has is carried once it said so",
                       [](std::uint64_t seed) {
                           weak::kernel::play(seed, 3, [] {
                               static Receiver receiver;
                               static tty::InputPump pump;
                               device = new Device;
                               WEAK_CHECK(pump.start(&read_device, receiver).ok());
                               Gate gate{2};
                               Threads threads;
                               for (unsigned i = 0; i < 2; ++i)
                                   threads.start(1 + i, [&, i] {
                                       gate.pass();
                                       device->bytes[i].store('a', std::memory_order_relaxed);
                                       pump.notify();
                                       while (device->arrived.load(std::memory_order_relaxed) != 2)
                                           arch::cpu_relax();
                                   });
                           });
                       },
                       weak::Scenario::Process::one_seed};

} // namespace
