// SPDX-License-Identifier: BSD-2-Clause
// Requests to a disk that another CPU finishes.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/block/disk.h>

#include <atomic>

using namespace drupe;
using weak::kernel::Threads;

namespace {

/// Hands what is submitted to whoever asks for it.
struct HandedOver final : block::BlockDevice {
    const block::Limits& limits() const override { return these; }
    void submit(block::Request& request) override {
        under_way.store(&request, std::memory_order_release);
    }
    block::Limits these{.sectors = 8};
    std::atomic<block::Request*> under_way{nullptr};
};

weak::Scenario outcome{"who waits for a disk sees what came of it", [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               static HandedOver device;
                               static block::Disk disk{device, "vda"};
                               device.under_way = nullptr;
                               Threads threads;
                               threads.start(0, [&] {
                                   for (int n = 0; n < 3; ++n)
                                       WEAK_CHECK(disk.flush().error() == Errc::io);
                               });
                               threads.start(1, [&] {
                                   for (int n = 0; n < 3; ++n) {
                                       block::Request* request = nullptr;
                                       while (!(request = device.under_way.exchange(
                                                    nullptr, std::memory_order_acquire))) {}
                                       request->outcome = Errc::io;
                                       request->done(*request);
                                   }
                               });
                           });
                       }};

} // namespace
