// SPDX-License-Identifier: BSD-2-Clause
#include "queue.h"
#include "controller.h"

#include <drupe/arch/barrier.h>
#include <drupe/arch/io.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace drupe::nvme {
namespace {

using block::Operation;
using block::Request;

constexpr unsigned memory_order = 2; // commands, completions, and two pages
/// Each command's part of the latter: a list of pages, or a range to be discarded.
constexpr unsigned list_bytes = 256;
constexpr unsigned list_entries = list_bytes / sizeof(std::uint64_t);
static_assert(Rings::depth * list_bytes <= 2 * page_size);
static_assert(Namespace::most_pages <= list_entries + 1);

enum Opcode : std::uint32_t { flush = 0, write = 1, read = 2, write_zeroes = 8, manage = 9 };
constexpr std::uint32_t opcodes[] = {read, write, flush, manage, write_zeroes}; // of Operation
constexpr std::uint32_t deallocate = 1 << 2;                                    // of manage

Command* command_at(PhysAddr ring, std::uint16_t n) {
    return static_cast<Command*>(mm::phys_to_virt(ring)) + n;
}

} // namespace

// [nvme] "Status Field": a code, and above it the type of the code.
Errc meaning(std::uint16_t status) {
    switch (status >> 1 & 0x7ff) {
    case 0x000: return Errc::ok;
    case 0x001:                             // opcode
    case 0x002: return Errc::not_supported; // field
    case 0x020:                             // the namespace is protected
    case 0x182: return Errc::read_only;     // the range is
    case 0x081: return Errc::no_space;
    default: return Errc::io;
    }
}

Result<void> Rings::allocate() {
    memory_ = TRY(mm::alloc_frames(memory_order));
    return {};
}

void Rings::clear(volatile char* tail_bell, volatile char* head_bell) {
    std::memset(mm::phys_to_virt(memory_), 0, page_size << memory_order);
    tail_bell_ = tail_bell;
    head_bell_ = head_bell;
    tail_ = head_ = 0;
    phase_ = 1;
}

void Rings::submit(const Command& command) {
    *command_at(commands(), tail_) = command;
    tail_ = static_cast<std::uint16_t>((tail_ + 1) % depth);
    // The command before the doorbell, upon which the controller reads it.
    arch::barrier_dma_full();
    arch::mmio_write<std::uint32_t>(tail_bell_, tail_);
}

std::optional<Completion> Rings::take() {
    auto* const entry = static_cast<Completion*>(mm::phys_to_virt(completions())) + head_;
    // The controller may write any time, so each word is read once.
    const std::uint32_t last = *reinterpret_cast<const volatile std::uint32_t*>(&entry->id);
    if ((last >> 16 & 1) != phase_) return std::nullopt;
    // The phase before the rest, and before the data that the controller wrote earlier.
    arch::barrier_dma_load();
    const std::uint32_t result = *static_cast<const volatile std::uint32_t*>(&entry->result);
    head_ = static_cast<std::uint16_t>((head_ + 1) % depth);
    if (head_ == 0) phase_ ^= 1;
    arch::mmio_write<std::uint32_t>(head_bell_, head_);
    return Completion{result, 0, 0, static_cast<std::uint16_t>(last),
                      static_cast<std::uint16_t>(last >> 16)};
}

Result<void> IoQueue::allocate(Controller& controller) {
    controller_ = &controller;
    return rings_.allocate();
}

// [nvme] "Physical Region Page Entry and List". Namespace::submit has seen that all pages but the
// first begin, and all but the last end where pages do, and that they are not too many.
void IoQueue::set_data(Command& command, std::uint16_t id,
                       std::span<const block::Segment> segments) {
    const PhysAddr list_at = rings_.space() + std::uint64_t{id} * list_bytes;
    auto* const list = static_cast<std::uint64_t*>(mm::phys_to_virt(list_at));
    unsigned count = 0;
    for (const block::Segment& segment : segments) {
        const std::uint64_t end = raw(segment.at) + segment.bytes;
        for (std::uint64_t at = raw(segment.at); at < end;
             at = align_down(at, page_size) + page_size)
            if (count++ == 0)
                command.data[0] = at;
            else
                list[count - 2] = at;
    }
    if (count > 1) command.data[1] = count == 2 ? list[0] : raw(list_at);
}

/// False: there is no room now.
bool IoQueue::try_start(Request& request) {
    auto* const free = std::find(std::begin(requests_), std::end(requests_), nullptr);
    if (free == std::end(requests_)) return false;
    const auto id = static_cast<std::uint16_t>(free - requests_);
    const Namespace& on = *static_cast<const Namespace*>(request.driver_data);
    const std::uint64_t block = request.sector >> on.block_shift();
    std::uint64_t sectors = request.sectors;
    for (const block::Segment& segment : request.segments)
        sectors += segment.bytes >> block::sector_shift;
    const std::uint64_t blocks = sectors >> on.block_shift();
    Command command;
    command.opcode = opcodes[static_cast<unsigned>(request.operation)] | std::uint32_t{id} << 16;
    command.name_space = on.id();
    if (request.operation == Operation::discard) {
        const PhysAddr range_at = rings_.space() + std::uint64_t{id} * list_bytes;
        auto* const range = static_cast<std::uint64_t*>(mm::phys_to_virt(range_at));
        range[0] = blocks << 32;
        range[1] = block;
        command.data[0] = raw(range_at);
        command.words[1] = deallocate;
    } else if (request.operation != Operation::flush) {
        command.words[0] = static_cast<std::uint32_t>(block);
        command.words[1] = static_cast<std::uint32_t>(block >> 32);
        command.words[2] = static_cast<std::uint32_t>(blocks - 1);
        set_data(command, id, request.segments);
    }
    *free = &request;
    rings_.submit(command);
    return true;
}

void IoQueue::start_waiting() {
    while (Request* next = waiting_.front()) {
        if (!try_start(*next)) break;
        waiting_.pop_front();
    }
}

void IoQueue::submit(Request& request) {
    {
        IrqGuard guard{lock_};
        if (state_ != State::dead) {
            waiting_.push_back(request);
            if (state_ == State::running) start_waiting();
            return;
        }
    }
    request.outcome = Errc::io;
    request.done(request);
}

void IoQueue::clear(volatile char* tail_bell, volatile char* head_bell) {
    IrqGuard guard{lock_};
    rings_.clear(tail_bell, head_bell);
}

void IoQueue::start() {
    IrqGuard guard{lock_};
    state_ = State::running;
    start_waiting();
}

void IoQueue::stop(bool is_for_ever) {
    Requests done;
    {
        IrqGuard guard{lock_};
        state_ = is_for_ever ? State::dead : State::stopped;
        for (Request*& request : requests_)
            if (Request* const lost = std::exchange(request, nullptr)) done.push_back(*lost);
        while (is_for_ever && waiting_.front()) done.push_back(*waiting_.pop_front());
    }
    while (Request* request = done.pop_front()) {
        request->outcome = Errc::io;
        request->done(*request);
    }
}

bool IoQueue::has(const Request& request) {
    IrqGuard guard{lock_};
    return std::find(std::begin(requests_), std::end(requests_), &request) != std::end(requests_);
}

void IoQueue::finish() {
    Requests done;
    bool lied = false;
    {
        IrqGuard guard{lock_};
        while (state_ == State::running && !lied) {
            const auto got = rings_.take();
            if (!got) break;
            lied = got->id >= Rings::most || !requests_[got->id];
            if (lied) break;
            Request& request = *std::exchange(requests_[got->id], nullptr);
            request.outcome = meaning(got->status);
            done.push_back(request);
        }
        if (state_ == State::running && !lied) start_waiting();
    }
    while (Request* request = done.pop_front()) request->done(*request);
    if (lied) controller_->distrust();
}

} // namespace drupe::nvme
