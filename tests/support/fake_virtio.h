// SPDX-License-Identifier: BSD-2-Clause
// A virtio device for tests: a transport that leads to queues which the test plays.
#pragma once

#include <drupe/virtio/transport.h>
#include <support/device_queue.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <map>
#include <vector>

namespace drupe::test {

class FakeTransport final : public virtio::Transport {
public:
    std::uint64_t features = virtio::feature_version_1;
    std::uint64_t accepted = 0;
    std::uint16_t limit = 256;
    unsigned queues = 1;
    bool legacy = false, refuses_features = false;
    std::map<std::uint16_t, DeviceQueue> queue;
    std::vector<std::byte> fields;
    std::vector<std::uint8_t> statuses;
    /// Called on a notification, and by the test whenever the device is to work.
    std::function<void(std::uint16_t)> on_notify;
    unsigned notices = 0;

    void interrupt(std::uint16_t which = any_queue) {
        if (handler_) handler_(context_, which);
    }

    bool is_legacy() const override { return legacy; }
    std::uint64_t offered_features() override { return features; }
    void accept_features(std::uint64_t f) override {
        CHECK((f & ~features) == 0);
        accepted = f;
    }
    std::uint8_t status() override { return status_; }
    void set_status(std::uint8_t s) override {
        statuses.push_back(s);
        status_ = s;
        if (s == 0) queue.clear();
        if (refuses_features) status_ &= static_cast<std::uint8_t>(~8);
    }
    std::uint16_t queue_limit(std::uint16_t q) override { return q < queues ? limit : 0; }
    Result<void> set_queue(std::uint16_t q, const virtio::QueuePlace& place) override {
        CHECK((status_ & 4) == 0); // before DRIVER_OK
        queue[q].place = place;
        queue[q].is_packed = (accepted & virtio::feature_packed) != 0;
        queue[q].has_event_index = (accepted & virtio::feature_event_index) != 0;
        return {};
    }
    void notify(std::uint16_t q) override {
        CHECK((status_ & 4) != 0);
        notices++;
        if (on_notify) on_notify(q);
    }
    std::uint32_t read_field(std::size_t offset, unsigned width) override {
        std::uint32_t value = 0;
        if (offset + width <= fields.size()) std::memcpy(&value, &fields[offset], width);
        return value;
    }
    void write_field(std::size_t offset, std::uint32_t value) override {
        REQUIRE(offset + 4 <= fields.size());
        std::memcpy(&fields[offset], &value, 4);
    }
    std::uint32_t field_generation() override { return 0; }
    Result<void> attach(Handler handler, void* context) override {
        handler_ = handler;
        context_ = context;
        return {};
    }

private:
    std::uint8_t status_ = 0;
    Handler handler_ = nullptr;
    void* context_ = nullptr;
};

} // namespace drupe::test
