// SPDX-License-Identifier: BSD-2-Clause
// The MMIO transport against registers that behave as [virtio] "MMIO Device Register Layout" says.
#include <support/register_file.h>
#include <support/test_memory.h>

#include <drupe/drivers/binder.h>
#include <drupe/virtio/transport.h>

#include <map>

using namespace drupe;
using drivers::DeviceNode;

namespace {

struct Slot {
    test::RegisterFile registers{0x1000};
    std::map<std::uint32_t, std::uint64_t> accepted; // by selector
    explicit Slot(std::uint32_t version, std::uint32_t id) {
        registers.words[0] = 0x74726976;
        registers.words[4] = version;
        registers.words[8] = id;
        registers.words[0x34] = 8;
        registers.on_read[0x10] = [this] {
            return registers.words[0x14] == 0 ? 0x30000000u : 1u; // rings; version 1
        };
        registers.on_write[0x20] = [this](std::uint32_t v) { accepted[registers.words[0x24]] = v; };
    }
};

Slot* current = nullptr;
virtio::Transport* found = nullptr;

Result<volatile void*> map_it(PhysAddr, std::uint64_t) { return current->registers.base(); }

Result<OwnPtr<drivers::Device>> probe(const DeviceNode& node, drivers::MapDevice) {
    found = node.transport;
    return Errc::no_memory;
}
constexpr std::string_view models[] = {"virtio,device3f"};

DeviceNode scan(Slot& slot, std::uint64_t address) {
    current = &slot;
    found = nullptr;
    DeviceNode node{};
    node.name = "slot";
    node.compatible = "virtio,mmio";
    node.regions[0] = {PhysAddr{address}, 0x200};
    node.region_count = 1;
    drivers::Binder binder(map_it, [](OwnPtr<drivers::Device>) {});
    binder.emit(node);
    binder.finish();
    return node;
}

} // namespace

DRUPE_DRIVER(probe_only) = {"probe-only", models, drivers::DeviceClass::rng, probe};

TEST_CASE("MMIO: empty slots are passed over, broken ones left out") {
    Slot empty(2, 0), other(3, 4), no_magic(2, 4);
    CHECK(scan(empty, 0x10000).state == DeviceNode::State::bound);
    CHECK(empty.registers.writes.empty());
    CHECK(scan(other, 0x20000).state == DeviceNode::State::broken);
    no_magic.registers.words[0] = 1;
    CHECK(scan(no_magic, 0x30000).state == DeviceNode::State::broken);
    CHECK(no_magic.registers.writes.empty());
    CHECK(found == nullptr);
}

TEST_CASE("MMIO: a modern device gets three addresses, a legacy one a page") {
    testing::TestMemory memory(256);
    const std::uint32_t version = GENERATE(1u, 2u);
    Slot slot(version, 0x3f);
    scan(slot, 0x100000 * version);
    REQUIRE(found);
    CHECK(found->is_legacy() == (version == 1));
    const std::uint64_t features = virtio::negotiate(*found, 0).value();
    CHECK((features & 0x30000000) == 0x30000000);
    CHECK(slot.accepted[0] == 0x30000000);
    OwnPtr<virtio::Queue> queue(virtio::make_queue(*found, 0, 4, 0, features).value());
    const virtio::QueuePlace place = queue->place();
    auto& words = slot.registers.words;
    CHECK(words[0x38] == 4);
    if (version == 1) {
        CHECK(words[0x28] == 4096);
        CHECK(words[0x3c] == 4096);
        CHECK(words[0x40] == raw(place.descriptors) / 4096);
        CHECK_FALSE(slot.registers.wrote(0x44));
    } else {
        CHECK(slot.accepted[1] == 1);
        CHECK(words[0x80] == raw(place.descriptors));
        CHECK(words[0x90] == raw(place.available));
        CHECK(words[0xa0] == raw(place.used));
        CHECK(words[0x44] == 1);
    }
    CHECK(found->queue_limit(0) == 0); // in use already
    virtio::start(*found);
    CHECK((words[0x70] & 4) != 0);
    found->notify(0);
    CHECK(slot.registers.wrote(0x50));
    CHECK(slot.registers.wrong_accesses == 0);
}
