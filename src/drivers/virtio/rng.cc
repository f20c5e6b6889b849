// SPDX-License-Identifier: BSD-2-Clause
// The entropy device ([virtio] "Entropy Device"): one queue, and no say about how many of the bytes
// it is asked for it fills.
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/mm/frames.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/virtio/transport.h>

#include <cstring>

namespace drupe::virtio {
namespace {

class Rng final : public drivers::Device, public drivers::EntropySource {
public:
    explicit Rng(Transport& transport) : transport_(transport) {}

    drivers::EntropySource* entropy() override { return this; }
    const char* name() const override { return "virtio-rng"; }

    Result<void> init() {
        const std::uint64_t features = TRY(negotiate(transport_, 0));
        queue_ = TRY(make_queue(transport_, 0, 2, 0, features));
        TRY(transport_.attach(on_interrupt, this));
        start(transport_);
        return {};
    }

    Result<void> request(Deliver deliver) override {
        IrqGuard guard{lock_};
        if (deliver_) return Errc::busy;
        const Piece piece{mm::virt_to_phys(bytes_), sizeof bytes_};
        TRY(queue_->add({}, {&piece, 1}, this));
        deliver_ = deliver;
        if (queue_->publish()) transport_.notify(0);
        return {};
    }

private:
    static void on_interrupt(void* self, std::uint16_t) { static_cast<Rng*>(self)->finish(); }
    void finish() {
        std::byte got[sizeof bytes_];
        std::size_t count = 0;
        Deliver deliver = nullptr;
        {
            IrqGuard guard{lock_};
            auto done = queue_->take();
            if (!done || !done.value()) return; // not ours, or of a device beyond trust
            count = done.value()->written;
            std::memcpy(got, bytes_, count);
            std::memset(bytes_, 0, sizeof bytes_);
            deliver = deliver_;
            deliver_ = nullptr;
            // One request at a time: after this one the device has nothing to report.
            static_cast<void>(queue_->expect_interrupt());
        }
        if (deliver) deliver({got, count});
        std::memset(got, 0, sizeof got);
    }

    Transport& transport_;
    Queue* queue_ = nullptr;
    SpinLock<LockRank::device_queue> lock_;
    Deliver deliver_ GUARDED_BY(lock_) = nullptr;
    alignas(64) std::byte bytes_[64] = {}; // the device writes here: within one frame
};

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node, drivers::MapDevice) {
    if (!node.transport) return Errc::invalid;
    auto rng = TRY(make_own<Rng>(*node.transport));
    if (auto up = rng->init(); !up) {
        give_up(*node.transport);
        static_cast<void>(rng.leak()); // its handler may be attached
        return up.error();
    }
    return OwnPtr<drivers::Device>(rng.leak());
}

constexpr std::string_view models[] = {"virtio,device4"};

} // namespace

DRUPE_DRIVER(virtio_rng) = {"virtio-rng", models, drivers::DeviceClass::rng, probe};

} // namespace drupe::virtio
