// SPDX-License-Identifier: BSD-2-Clause
// Calls about the machine as a whole, and a few that have no room of their own.
#include <drupe/arch/barrier.h>
#include <drupe/arch/user_access.h>
#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/last_resort.h>
#include <drupe/process/process.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/cpu.h>
#include <drupe/syscall/handlers.h>
#include <drupe/syscall/machine_control.h>
#include <drupe/time/clock.h>

#include <atomic>

namespace drupe::syscall {
namespace {

constinit MachineControl machine{};

bool is_privileged() { return process::current_process().credentials.is_privileged(); }

/// struct sysinfo.
struct SystemInfo {
    std::int64_t uptime;
    std::uint64_t loads[3]; // fixed point, 16 bits behind the point
    std::uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    std::uint16_t processes, padding;
    std::uint32_t more_padding;
    std::uint64_t total_high, free_high;
    std::uint32_t unit;
    std::uint32_t last_padding;
};
static_assert(sizeof(SystemInfo) == 112);

// [linux] include/uapi/linux/reboot.h
constexpr std::uint32_t magic_first = 0xfee1'dead;
constexpr std::uint32_t magic_second[] = {672274793, 85072278, 369367448, 537993216};
enum RebootCommand : std::uint32_t {
    reboot_restart = 0x01234567,
    reboot_restart2 = 0xa1b2c3d4,
    reboot_halt = 0xcdef0123,
    reboot_power_off = 0x4321fedc,
    reboot_key_on = 0x89abcdef, // what ctrl-alt-delete does: there is no such key here
    reboot_key_off = 0,
};

bool is_second_magic(std::uint32_t value) {
    for (std::uint32_t magic : magic_second)
        if (value == magic) return true;
    return false;
}

// [linux] include/uapi/linux/membarrier.h
enum Membarrier : int {
    query = 0,
    global = 1,
    global_expedited = 2,
    register_global_expedited = 4,
    private_expedited = 8,
    register_private_expedited = 16,
    private_expedited_sync_core = 32,
    register_private_expedited_sync_core = 64,
};
constexpr int membarrier_commands =
    global | global_expedited | register_global_expedited | private_expedited |
    register_private_expedited | private_expedited_sync_core | register_private_expedited_sync_core;

} // namespace

void install_machine_control(const MachineControl& control) { machine = control; }

Result<std::uint64_t> sysinfo(VirtAddr out) {
    const mm::MemoryStats memory = mm::memory_stats();
    SystemInfo info{};
    info.uptime = time::now().ns / 1'000'000'000;
    info.total_ram = memory.total.bytes();
    info.free_ram = memory.free.bytes();
    info.buffer_ram = mm::cache_sizes().all.bytes();
    info.unit = 1;
    process::for_each_process([&](const process::Process&) { info.processes++; });
    TRY(arch::put_user(out, info));
    return 0;
}

Result<std::uint64_t> personality(std::uint32_t wanted) {
    constexpr std::uint32_t only_ask = 0xffff'ffff;
    process::Process& self = process::current_process();
    const std::uint32_t before = self.personality;
    if (wanted != only_ask) self.personality = wanted;
    return before;
}

Result<std::uint64_t> getcpu(VirtAddr cpu, VirtAddr node, VirtAddr) {
    constexpr std::uint32_t only_node = 0;
    if (raw(cpu) != 0) TRY(arch::put_user(cpu, std::uint32_t{sched::current().cpu->index}));
    if (raw(node) != 0) TRY(arch::put_user(node, only_node));
    return 0;
}

/// The program's threads that run at this moment are interrupted, whatever the command asked for:
/// an exception is a full barrier, and its return synchronizes the instruction stream. The others
/// are inside the kernel, whose entry and return are the same to them.
Result<std::uint64_t> membarrier(int command, std::uint32_t flags, int) {
    if (flags != 0) return Errc::invalid;
    if (command == query) return std::uint64_t{membarrier_commands};
    if ((command & membarrier_commands) == 0 || (command & (command - 1)) != 0)
        return Errc::invalid;
    // A private barrier is for those who said before that they would want it; its registration's
    // command is the next bit.
    // Threads may register at once.
    const std::atomic_ref<std::uint32_t> registered(process::current_process().image->membarriers);
    const auto bit = static_cast<std::uint32_t>(command);
    if ((command & (register_private_expedited | register_private_expedited_sync_core)) != 0)
        registered.fetch_or(bit, std::memory_order_relaxed);
    if ((command & (private_expedited | private_expedited_sync_core)) != 0 &&
        (registered.load(std::memory_order_relaxed) & bit << 1) == 0)
        return Errc::not_permitted;
    arch::barrier_full();
    sched::synchronize_cpus();
    return 0;
}

// I/O priorities exist for the asking: there is one queue.
Result<std::uint64_t> ioprio_get(int, int) {
    constexpr std::uint64_t best_effort_normal = 2 << 13 | 4;
    return best_effort_normal;
}
Result<std::uint64_t> ioprio_set(int, int, int value) {
    const int priority_class = value >> 13, level = value & 7;
    const bool is_real_time = priority_class == 1;
    if (priority_class < 0 || priority_class > 3) return Errc::invalid;
    if (priority_class == 0 && level != 0) return Errc::invalid;
    if (is_real_time && !is_privileged()) return Errc::not_permitted;
    return 0;
}

Result<std::uint64_t> reboot(std::uint32_t first, std::uint32_t second, std::uint32_t command,
                             VirtAddr argument) {
    if (!is_privileged()) return Errc::not_permitted;
    if (first != magic_first || !is_second_magic(second)) return Errc::invalid;
    if (command == reboot_key_on || command == reboot_key_off) return 0;
    // A word for the firmware, which nothing here hands on.
    if (command == reboot_restart2) TRY(arch::get_user<char>(argument));
    void (*action)() = nullptr;
    if (command == reboot_restart || command == reboot_restart2)
        action = machine.restart;
    else if (command == reboot_halt)
        action = machine.halt;
    else if (command == reboot_power_off)
        action = machine.power_off;
    else
        return Errc::invalid;
    if (!action) return Errc::not_supported;
    action();
    return Errc::io; // the machine is still there
}

} // namespace drupe::syscall
