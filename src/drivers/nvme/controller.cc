// SPDX-License-Identifier: BSD-2-Clause
#include "controller.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/io.h>
#include <drupe/mm/frames.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::nvme {
namespace {

// [nvme] "Controller Registers"
enum Register : std::size_t {
    capabilities = 0x00,
    interrupts_off = 0x0c,
    interrupts_on = 0x10,
    configuration = 0x14,
    status = 0x1c,
    admin_sizes = 0x24,
    admin_commands = 0x28,
    admin_completions = 0x30,
    doorbells = 0x1000,
};
constexpr std::uint32_t enable = 1;
constexpr std::uint32_t entry_sizes = 6 << 16 | 4 << 20; // log2 of 64 and of 16
constexpr std::uint32_t is_ready = 1, is_fatal = 2;
constexpr std::uint64_t has_commands = 1ull << 37; // the set of commands for blocks
enum Opcode : std::uint32_t {
    create_commands = 0x01,
    create_completions = 0x05,
    describe = 0x06,
    set_feature = 0x09,
};
enum What : std::uint32_t { a_namespace = 0, the_controller = 1, active_namespaces = 2 };
constexpr std::uint32_t queue_number_feature = 7;

constexpr Nanos command_patience{10'000'000'000};
constexpr std::size_t most_register_bytes = 0x10000;

} // namespace

std::uint32_t Controller::read(std::size_t offset) const {
    return arch::mmio_read<std::uint32_t>(registers_ + offset);
}
void Controller::write(std::size_t offset, std::uint32_t value) const {
    arch::mmio_write<std::uint32_t>(registers_ + offset, value);
}
void Controller::write_address(std::size_t offset, PhysAddr value) const {
    write(offset, static_cast<std::uint32_t>(raw(value)));
    write(offset + 4, static_cast<std::uint32_t>(raw(value) >> 32));
}
volatile char* Controller::bell(unsigned queue, bool is_head) const {
    return registers_ + doorbells + (queue * 2 + is_head) * bell_bytes_;
}

Result<void> Controller::wait_until_ready(bool due) {
    const Nanos end = time::now() + patience_;
    for (;;) {
        const std::uint32_t now = read(status);
        if (now == ~0u || (due && (now & is_fatal) != 0)) return Errc::io;
        if (((now & is_ready) != 0) == due) return {};
        if (time::now() > end) return Errc::timed_out;
        arch::cpu_relax();
    }
}

Result<void> Controller::halt() {
    write(configuration, 0);
    return wait_until_ready(false);
}

/// From halted to working queues.
Result<void> Controller::bring_up() {
    admin_.clear(bell(0, false), bell(0, true));
    constexpr std::uint32_t last = Rings::depth - 1;
    write(admin_sizes, last << 16 | last);
    write_address(admin_commands, admin_.commands());
    write_address(admin_completions, admin_.completions());
    write(configuration, entry_sizes | enable);
    // Administrative commands are waited for here; on a line they would interrupt for ever.
    if (!has_messages_) write(interrupts_off, 1);
    TRY(wait_until_ready(true));
    return {};
}

Result<std::uint32_t> Controller::run(Command command) {
    const std::uint16_t id = next_command_++;
    command.opcode |= std::uint32_t{id} << 16;
    admin_.submit(command);
    const Nanos end = time::now() + command_patience;
    for (;;) {
        if (const auto got = admin_.take()) {
            if (got->id != id) return Errc::io;
            const Errc outcome = meaning(got->status);
            if (outcome != Errc::ok) return outcome;
            return got->result;
        }
        if (time::now() > end) return Errc::timed_out;
        arch::cpu_relax();
    }
}

Result<const std::byte*> Controller::identify(std::uint32_t what, std::uint32_t name_space) {
    Command command;
    command.opcode = describe;
    command.name_space = name_space;
    command.data[0] = raw(admin_.space());
    command.words[0] = what;
    TRY(run(command));
    return static_cast<const std::byte*>(mm::phys_to_virt(admin_.space()));
}

Result<void> Controller::read_abilities() {
    const std::byte* const page = TRY(identify(the_controller, 0));
    const auto byte = [page](std::size_t at) { return std::to_integer<unsigned>(page[at]); };
    // [nvme] "Identify Controller Data Structure": MDTS, ONCS, VWC.
    const unsigned exponent = byte(77);
    constexpr std::uint32_t most = Namespace::most_pages * page_size;
    abilities_.request_bytes =
        exponent != 0 && exponent < 5 ? static_cast<std::uint32_t>(page_size) << exponent : most;
    abilities_.can_discard = (byte(520) & 4) != 0;
    abilities_.can_zero = (byte(520) & 8) != 0;
    abilities_.keeps_back = (byte(525) & 1) != 0;
    return {};
}

/// A queue for each CPU that may come, as far as there are messages for them; on a line one.
Result<void> Controller::allocate_queues(drivers::MapDevice map_device) {
    const unsigned messages = function_.start_messages(map_device).value_or(0);
    const unsigned wanted = std::clamp(messages, 1u, most_queues);
    for (; queue_count_ < wanted; queue_count_++) {
        IoQueue& queue = queues_[queue_count_];
        TRY(queue.allocate(*this));
        if (messages != 0 &&
            !function_.attach_message(queue_count_, on_message, &queue, queue_count_))
            break;
    }
    has_messages_ = messages != 0 && queue_count_ != 0;
    if (messages != 0 && queue_count_ == 0) {
        function_.stop_messages();
        queue_count_ = 1;
    }
    return has_messages_ ? Result<void>{} : function_.attach_line(on_line, this);
}

// [nvme] "Set Features: Number of Queues", "Create I/O Completion Queue", "… Submission Queue".
Result<void> Controller::create_queues() {
    Command number;
    number.opcode = set_feature;
    number.words[0] = queue_number_feature;
    number.words[1] = (queue_count_ - 1) << 16 | (queue_count_ - 1);
    const std::uint32_t given = TRY(run(number));
    queue_count_ = std::min({queue_count_, (given & 0xffff) + 1, (given >> 16) + 1});
    constexpr std::uint32_t contiguous = 1, interrupts = 2;
    for (unsigned i = 0; i < queue_count_; i++) {
        const std::uint32_t id = i + 1;
        queues_[i].clear(bell(id, false), bell(id, true));
        Command command;
        command.opcode = create_completions;
        command.data[0] = raw(queues_[i].rings().completions());
        command.words[0] = (Rings::depth - 1u) << 16 | id;
        command.words[1] = i << 16 | interrupts | contiguous;
        TRY(run(command));
        command.opcode = create_commands;
        command.data[0] = raw(queues_[i].rings().commands());
        command.words[1] = id << 16 | contiguous;
        TRY(run(command));
    }
    if (!has_messages_) write(interrupts_on, 1);
    for (unsigned i = 0; i < queue_count_; i++) queues_[i].start();
    // After a reset there may be fewer.
    for (unsigned i = queue_count_; i < most_queues; i++) queues_[i].stop(true);
    return {};
}

Result<void> Controller::find_namespaces() {
    std::uint32_t ids[most_namespaces];
    std::memcpy(ids, TRY(identify(active_namespaces, 0)), sizeof ids);
    for (const std::uint32_t id : ids) {
        if (id == 0) break;
        auto made = TRY(make_own<Namespace>(*this, id));
        if (auto up = made->init(number_, TRY(identify(a_namespace, id))); !up)
            log(LogLevel::warning, "nvme{}: namespace {} is left out: its blocks are strange",
                number_, id);
        else
            namespaces_[namespace_count_++] = made.leak();
    }
    return {};
}

Result<void> Controller::init(drivers::MapDevice map_device) {
    const std::size_t bytes = std::min(function_.bar(0).bytes, std::uint64_t{most_register_bytes});
    registers_ = static_cast<volatile char*>(TRY(function_.map(0, 0, bytes, map_device)));
    if (bytes < doorbells + 8) return Errc::io;
    const std::uint64_t can = read(capabilities) | std::uint64_t{read(capabilities + 4)} << 32;
    bell_bytes_ = 4u << (can >> 32 & 0xf);
    patience_ = {static_cast<std::int64_t>((can >> 24 & 0xff) + 1) * 500'000'000};
    const unsigned smallest_page = can >> 48 & 0xf; // log2, from 4096 on
    if ((can & has_commands) == 0 || smallest_page != 0) return Errc::not_supported;
    if ((can & 0xffff) + 1 < Rings::depth ||
        doorbells + (most_queues + 1) * 2 * std::uint64_t{bell_bytes_} > bytes)
        return Errc::not_supported;
    TRY(admin_.allocate());
    TRY(halt());
    TRY(allocate_queues(map_device));
    function_.set_bus_master(true);
    TRY(bring_up());
    TRY(read_abilities());
    TRY(find_namespaces());
    return create_queues();
}

void Controller::submit(block::Request& request) {
    queues_[this_cpu_core().index % queue_count_].submit(request);
}

void Controller::on_message(void* queue) { static_cast<IoQueue*>(queue)->finish(); }
void Controller::on_line(void* self) {
    auto& nvme = *static_cast<Controller*>(self);
    for (unsigned i = 0; i < nvme.queue_count_; i++) nvme.queues_[i].finish();
}

void Controller::give_up() {
    if (registers_) write(configuration, 0);
    function_.set_bus_master(false);
    for (IoQueue& queue : queues_) queue.stop(true);
}

void Controller::distrust() {
    log(LogLevel::error, "nvme{}: it completes what it was not given, and is used no more",
        number_);
    give_up();
}

void Controller::recover(const block::Request& request) {
    sched::MutexGuard guard(recovery_);
    const auto has_it = [&](IoQueue& queue) { return queue.has(request); };
    if (std::none_of(queues_, queues_ + queue_count_, has_it)) return;
    log(LogLevel::error, "nvme{}: it does not answer, and is reset", number_);
    auto outcome = halt();
    if (outcome) {
        for (IoQueue& queue : queues_) queue.stop(false);
        outcome = bring_up();
    }
    if (outcome) outcome = create_queues();
    if (outcome) return;
    log(LogLevel::error, "nvme{}: it does not come up again, and is used no more", number_);
    give_up();
}

namespace {

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node,
                                      drivers::MapDevice map_device) {
    static constinit unsigned known = 0; // one thread probes
    if (!node.function) return Errc::invalid;
    auto nvme = TRY(make_own<Controller>(*node.function, known));
    if (auto up = nvme->init(map_device); !up) {
        nvme->give_up();
        static_cast<void>(nvme.leak()); // its handlers may be attached
        return up.error();
    }
    known++;
    return OwnPtr<drivers::Device>(nvme.leak());
}

constexpr std::string_view models[] = {"pciclass,010802"};

} // namespace

DRUPE_DRIVER(nvme) = {"nvme", models, drivers::DeviceClass::block, probe};

} // namespace drupe::nvme
