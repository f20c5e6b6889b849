// SPDX-License-Identifier: BSD-2-Clause
// Where the kernel ends when it is wrong: what happened, where, how it came there, and a status.
#include "machine_state.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/arch/upcalls.h>
#include <drupe/base/assert.h>
#include <drupe/mm/frames.h>
#include <drupe/sched/thread.h>
#include <drupe/trace/log.h>
#include <drupe/trace/symbols.h>

#include "boot_memory.h"

#include <array>

namespace drupe::image {
namespace {

constinit bool is_crashing = false; // the CPU's that claimed the ending

trace::SymbolTable open_symbols() {
    if (!state.map_registers) return {}; // before memory is managed they are out of reach
    const ImageAppendix* behind = appendix(state.boot);
    if (!behind) return {};
    const auto* table =
        static_cast<const std::byte*>(mm::phys_to_virt(state.boot.image + behind->symbols_offset));
    auto symbols = trace::SymbolTable::open({table, behind->symbols_bytes},
                                            VirtAddr{arch::kernel_base()}, arch::kernel_bytes());
    return symbols ? symbols.value() : trace::SymbolTable{};
}

void say_address(const trace::SymbolTable& symbols, std::string_view what, std::uint64_t address) {
    char text[160];
    BufferSink sink(text);
    trace::print_address(sink, symbols, VirtAddr{address});
    log(LogLevel::fatal, "{} {}  {}", what, VirtAddr{address}, sink.text());
}

// A frame pointer may be anything; only the stack it points into is read: the window of a kernel
// stack, or the boot stack, both 16 KiB with bit 14 set.
trace::StackBounds stack_around(std::uint64_t frame_pointer) {
    const std::uint64_t low = align_down(frame_pointer, 0x4000);
    const bool is_kernel_stack = frame_pointer >> 47 == 0x1ffff && (low & 0x4000) != 0;
    return is_kernel_stack ? trace::StackBounds{low, low + 0x4000} : trace::StackBounds{0, 0};
}

// A caller is named by its call, the instruction before the return address: after a call that never
// returns there may be nothing more of that function.
void say_caller(const trace::SymbolTable& symbols, std::string_view what, std::uint64_t address) {
    const auto call = symbols.find(VirtAddr{address - 4});
    if (!call) return say_address(symbols, what, address);
    log(LogLevel::fatal, "{} {}  {}+{:#x}", what, VirtAddr{address}, call->name(),
        call->offset + 4);
}

void say_thread() {
    const sched::Thread& thread = sched::current();
    log(LogLevel::fatal, "thread {} ({}), stack {} .. {}", thread.id(), thread.name(),
        VirtAddr{thread.kernel_stack_top - sched::Thread::stack_bytes},
        VirtAddr{thread.kernel_stack_top});
}

void say_backtrace(const trace::SymbolTable& symbols, std::uint64_t frame_pointer) {
    std::array<std::uint64_t, 24> callers;
    const std::size_t count =
        trace::walk_frames(frame_pointer, stack_around(frame_pointer), callers);
    for (std::size_t i = 0; i < count; i++) say_caller(symbols, "  from", callers[i]);
}

void say_registers(const arch::TrapFrame& frame) {
    for (unsigned i = 0; i < 28; i += 4)
        log(LogLevel::fatal, "  x{:2} {:016x} {:016x} {:016x} {:016x}", i, frame.x[i],
            frame.x[i + 1], frame.x[i + 2], frame.x[i + 3]);
    log(LogLevel::fatal, "  x28 {:016x} fp {:016x} lr {:016x} sp {:016x}", frame.x[28], frame.x[29],
        frame.x[30], frame.user_sp);
    log(LogLevel::fatal, "  pstate {:08x}", frame.spsr);
}

// A second crash inside the report ends at once. Others may wait for locks that this CPU holds.
void begin_crash() {
    constexpr Nanos patience{100'000'000};
    arch::irq_disable();
    claim_ending(patience);
    if (is_crashing) end_machine({Ending::Kind::panicked, 0});
    is_crashing = true;
    trace::enter_crash();
}

[[noreturn]] void crash(std::string_view message) {
    begin_crash();
    log(LogLevel::fatal, "panic: {}", message);
    // Before memory is managed there is neither a direct map to find symbols in nor a thread.
    if (state.map_registers) {
        say_thread();
        say_backtrace(open_symbols(), reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
    }
    end_machine({Ending::Kind::panicked, 0});
}

} // namespace
} // namespace drupe::image

namespace drupe {

void assert_failed(const char* expression, const char* file, int line) {
    char text[200];
    image::crash(format_into(text, "assertion failed: {} ({}:{})", expression, file, line));
}
void panic(std::string_view message) { image::crash(message); }

void arch::on_kernel_fault(TrapFrame& frame, const Fault& fault, const char* what) {
    image::begin_crash();
    log(LogLevel::fatal, "panic: {} (address {}, syndrome {:#x})", what, fault.address,
        fault.syndrome);
    const trace::SymbolTable symbols = image::open_symbols();
    image::say_address(symbols, "  at  ", frame.pc());
    image::say_caller(symbols, "  lr  ", frame.x[30]); // who jumped, when `at` is no code
    image::say_backtrace(symbols, frame.x[29]);
    image::say_registers(frame);
    image::say_thread();
    image::end_machine({image::Ending::Kind::panicked, 0});
}

} // namespace drupe

extern "C" [[noreturn]] void __stack_chk_fail() {
    drupe::panic(
        "a function's stack guard was overwritten: a buffer on the kernel stack overflowed");
}
