// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/drivers/binder.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace drupe;
using drivers::DeviceNode;

namespace {

struct Thing final : drivers::Device {
    int made_from = 0;
};

std::vector<std::string> order;
int missing = 0; // what `needy` waits for comes when this is 0
int made = 0;

Result<OwnPtr<drivers::Device>> make(const DeviceNode& node, drivers::MapDevice) {
    order.emplace_back(node.name);
    auto thing = TRY(make_own<Thing>());
    return OwnPtr<drivers::Device>(thing.leak());
}
Result<OwnPtr<drivers::Device>> make_needy(const DeviceNode& node, drivers::MapDevice map) {
    if (missing > 0) return Errc::would_block;
    return make(node, map);
}
Result<OwnPtr<drivers::Device>> make_provider(const DeviceNode& node, drivers::MapDevice map) {
    missing--;
    return make(node, map);
}
Result<OwnPtr<drivers::Device>> fail(const DeviceNode&, drivers::MapDevice) { return Errc::io; }

DeviceNode behind[2];
Result<void> scan(DeviceNode& bus, drivers::MapDevice, drivers::NodeSink& sink) {
    order.emplace_back(bus.name);
    static const char* const models[] = {"test,plain", "test,unheard-of"};
    for (unsigned i = 0; i < 2; i++) {
        behind[i] = {};
        behind[i].name = i ? "stranger" : "child";
        behind[i].compatible = models[i];
        behind[i].parent = &bus;
        sink.emit(behind[i]);
    }
    return {};
}

constexpr std::string_view plain_models[] = {"test,plain"}, needy_models[] = {"test,needy"},
                           provider_models[] = {"test,provider"}, bad_models[] = {"test,bad"},
                           bus_models[] = {"test,bus"};

DeviceNode node(std::string_view name, std::string_view model) {
    DeviceNode n{};
    n.name = name;
    n.compatible = model;
    return n;
}

std::string log_since(std::uint64_t cursor) {
    std::string all;
    char buffer[trace::longest_line];
    while (const std::size_t n = trace::read_log(cursor, buffer)) all.append(buffer, n);
    return all;
}

drivers::Binder fresh() {
    order.clear();
    made = 0;
    return {[](PhysAddr, std::uint64_t) -> Result<volatile void*>{return Errc::no_memory;
}
, [](OwnPtr<drivers::Device>) { made++; }
}; // namespace
}

} // namespace

DRUPE_DRIVER(plain) = {"plain", plain_models, drivers::DeviceClass::rng, make};
DRUPE_DRIVER(needy) = {"needy", needy_models, drivers::DeviceClass::rng, make_needy};
DRUPE_DRIVER(provider) = {"provider", provider_models, drivers::DeviceClass::rng, make_provider};
DRUPE_DRIVER(bad) = {"bad", bad_models, drivers::DeviceClass::rng, fail};
DRUPE_DRIVER(bus) = {"bus", bus_models, drivers::DeviceClass::bus, nullptr, nullptr, scan};

TEST_CASE("a device that waits for another comes after it, whatever their order") {
    DeviceNode first = node("first", "test,needy"), second = node("second", "test,needy");
    DeviceNode provider = node("provider", "test,provider");
    missing = 1;
    drivers::Binder binder = fresh();
    binder.emit(first);
    binder.emit(second);
    CHECK(first.state == DeviceNode::State::waiting);
    CHECK(made == 0);
    binder.emit(provider);
    binder.finish();
    CHECK(made == 3);
    CHECK(order.front() == "provider");
    CHECK(first.state == DeviceNode::State::bound);
    CHECK(second.state == DeviceNode::State::bound);
}

TEST_CASE("a device whose need never comes, and one that fails, cost a line each") {
    DeviceNode lonely = node("lonely", "test,needy"), wrong = node("wrong", "test,bad");
    DeviceNode sound = node("sound", "test,plain");
    missing = 1;
    drivers::Binder binder = fresh();
    const std::uint64_t before = trace::log_end();
    binder.emit(lonely);
    binder.emit(wrong);
    binder.emit(sound);
    binder.finish();
    const std::string lines = log_since(before);
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
    CHECK(lines.find("bad: wrong is left out") != lines.npos);
    CHECK(lines.find("needy: lonely is left out") != lines.npos);
    CHECK(lonely.state == DeviceNode::State::broken);
    CHECK(wrong.state == DeviceNode::State::broken);
    CHECK(made == 1);
}

TEST_CASE("a bus's nodes are probed and listed behind it, strangers too") {
    DeviceNode bus_node = node("the bus", "test,bus");
    drivers::Binder binder = fresh();
    const std::uint64_t before = trace::log_end();
    binder.emit(bus_node);
    binder.finish();
    CHECK(made == 1);
    const std::string said = log_since(before);
    CHECK(said.find("no driver for stranger (test,unheard-of)") != std::string::npos);
    CHECK(said.substr(0, 3) == "<6>"); // for who looks
    const DeviceNode* child = drivers::first_child(bus_node);
    REQUIRE(child == &behind[0]);
    CHECK(child->state == DeviceNode::State::bound);
    CHECK(drivers::next_child(*child) == &behind[1]);
    CHECK(behind[1].state == DeviceNode::State::unknown);
    CHECK(drivers::next_child(behind[1]) == nullptr);

    behind[0].interrupts[behind[0].interrupt_count++] = {irq::IrqNumber{48}, irq::Trigger::edge};
    const std::uint64_t reported = trace::log_end();
    drivers::report_node(*child, 2);
    CHECK(log_since(reported).find("    child test,plain: plain irq 48 edge") != std::string::npos);
}
