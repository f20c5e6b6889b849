// SPDX-License-Identifier: BSD-2-Clause
// An NVM Express controller on PCI, and its namespaces: the disks.
#pragma once

#include "queue.h"

#include <drupe/drivers/device.h>
#include <drupe/drivers/pci.h>
#include <drupe/sched/mutex.h>

namespace drupe::nvme {

/// Blocks under one number. Lives for ever.
class Namespace final : public block::BlockDevice {
public:
    static constexpr unsigned most_pages = 32; // of a request's data

    Namespace(Controller& controller, std::uint32_t id) : controller_(controller), id_(id) {}
    /// `page`: for what the controller says. not_supported: blocks that are too large, or carry
    /// more than data; io.
    Result<void> init(unsigned controller_number, const std::byte* page);

    std::uint32_t id() const { return id_; }
    /// log2 of the sectors in a block.
    unsigned block_shift() const { return block_shift_; }
    std::string_view name() const override { return name_; }
    const block::Limits& limits() const override { return limits_; }
    void submit(block::Request& request) override;
    void recover(block::Request& request) override;

private:
    bool is_sound(const block::Request& request) const;

    Controller& controller_;
    const std::uint32_t id_;
    unsigned block_shift_ = 0;
    block::Limits limits_;
    char text_[12];
    std::string_view name_;
};

class Controller final : public drivers::Device {
public:
    static constexpr unsigned most_queues = 8;
    static constexpr unsigned most_namespaces = 16;

    Controller(pci::Function& function, unsigned number) : function_(function), number_(number) {}
    /// The controller is up, its namespaces are known. Errors: Driver::probe's.
    Result<void> init(drivers::MapDevice map_device);
    block::BlockDevice* block(unsigned n) override {
        return n < namespace_count_ ? namespaces_[n] : nullptr;
    }

    void submit(block::Request& request);
    /// Resets the controller if it still has the request; what it had fails. Context: thread.
    void recover(const block::Request& request);
    /// It has said what cannot be: nothing that it has will come back. Any context.
    void distrust();
    /// No more use of it, and none by it.
    void give_up();

    /// What it can: set once it is up.
    struct Abilities {
        std::uint32_t request_bytes = 0;
        bool can_discard = false, can_zero = false, keeps_back = false;
    };
    const Abilities& abilities() const { return abilities_; }
    /// Runs an administrative command, whose data goes to or comes from a page of this driver's.
    /// Returns its result. io, timed_out, and what its status means. Thread; one at a time.
    Result<std::uint32_t> run(Command command);
    /// The same for the description of one thing.
    Result<const std::byte*> identify(std::uint32_t what, std::uint32_t name_space);

private:
    Result<void> halt();
    Result<void> bring_up();
    Result<void> wait_until_ready(bool is_ready);
    Result<void> allocate_queues(drivers::MapDevice map_device);
    Result<void> create_queues();
    Result<void> read_abilities();
    Result<void> find_namespaces();
    static void on_line(void* self);
    static void on_message(void* queue);
    std::uint32_t read(std::size_t offset) const;
    void write(std::size_t offset, std::uint32_t value) const;
    void write_address(std::size_t offset, PhysAddr value) const;
    volatile char* bell(unsigned queue, bool is_head) const;

    pci::Function& function_;
    const unsigned number_;
    volatile char* registers_ = nullptr;
    unsigned bell_bytes_ = 4; // from a doorbell to the next
    Nanos patience_{};        // with its coming up and going down
    Abilities abilities_;
    bool has_messages_ = false;
    std::uint16_t next_command_ = 0;
    Rings admin_;
    unsigned queue_count_ = 0;
    IoQueue queues_[most_queues];
    unsigned namespace_count_ = 0;
    Namespace* namespaces_[most_namespaces] = {};
    sched::Mutex recovery_;
};

} // namespace drupe::nvme
