// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/drivers/binder.h>
#include <drupe/trace/log.h>

namespace drupe::drivers {
namespace {

// All nodes that have a parent, chained through next_emitted. Written by the one thread that boots.
constinit DeviceNode* first_emitted = nullptr;
constinit DeviceNode** last_emitted = &first_emitted;

const DeviceNode* child_from(const DeviceNode* at, const DeviceNode* parent) {
    while (at && at->parent != parent) at = at->next_emitted;
    return at;
}

std::string_view first_model(const DeviceNode& node) {
    return node.compatible.substr(0, node.compatible.find('\0'));
}

std::string_view reason(Errc why) {
    switch (why) {
    case Errc::io: return "it does not answer as it should";
    case Errc::no_memory: return "there is no memory for it";
    case Errc::not_supported: return "it needs what this kernel cannot do";
    case Errc::would_block: return "what it depends on never came";
    default: return "it is described wrongly";
    }
}

} // namespace

void Binder::emit(DeviceNode& node) {
    if (node.parent) {
        *last_emitted = &node;
        last_emitted = &node.next_emitted;
    }
    if (!node.driver) node.driver = find_driver(node);
    if (node.driver) return probe(node);
    node.state = DeviceNode::State::unknown;
    // No flaw: who misses the device misses it by name. Most machines have some that nothing needs.
    log(LogLevel::info, "no driver for {} ({})", node.name, first_model(node));
}

void Binder::probe(DeviceNode& node) {
    Result<void> outcome;
    if (node.driver->scan) {
        outcome = node.driver->scan(node, map_device_, *this);
    } else if (auto device = node.driver->probe(node, map_device_)) {
        sink_(std::move(device).value());
    } else {
        outcome = device.error();
    }
    if (outcome) {
        node.state = DeviceNode::State::bound;
    } else if (outcome.error() == Errc::would_block) {
        node.state = DeviceNode::State::waiting;
        node.next_waiting = waiting_;
        waiting_ = &node;
    } else {
        node.state = DeviceNode::State::broken;
        log(LogLevel::warning, "{}: {} is left out: {}", node.driver->name, node.name,
            reason(outcome.error()));
    }
}

void Binder::finish() {
    for (bool moved = true; moved && waiting_;) {
        moved = false;
        for (DeviceNode* at = std::exchange(waiting_, nullptr); at;) {
            DeviceNode& node = *at;
            at = at->next_waiting;
            probe(node);
            moved = moved || node.state != DeviceNode::State::waiting;
        }
    }
    for (; waiting_; waiting_ = waiting_->next_waiting) {
        waiting_->state = DeviceNode::State::broken;
        log(LogLevel::warning, "{}: {} is left out: {}", waiting_->driver->name, waiting_->name,
            reason(Errc::would_block));
    }
}

const DeviceNode* first_child(const DeviceNode& parent) {
    return child_from(first_emitted, &parent);
}
const DeviceNode* next_child(const DeviceNode& child) {
    return child_from(child.next_emitted, child.parent);
}

void report_node(const DeviceNode& node, unsigned depth) {
    static constexpr std::string_view states[] = {" (not probed)", "", " (waits)", " (broken)", ""};
    char text[200];
    BufferSink line(text);
    for (unsigned i = 0; i < depth; i++) line.put("  ");
    format_to(line, "{} {}: {}{}", node.name, first_model(node),
              node.driver ? node.driver->name : "no driver",
              states[static_cast<unsigned>(node.state)]);
    for (unsigned i = 0; i < node.interrupt_count; i++) {
        const Interrupt& interrupt = node.interrupts[i];
        format_to(line, " irq {} {}", static_cast<std::uint32_t>(interrupt.number),
                  interrupt.trigger == irq::Trigger::edge ? "edge" : "level");
    }
    log(LogLevel::notice, "{}", line.text());
}

} // namespace drupe::drivers
