// SPDX-License-Identifier: BSD-2-Clause
// The kernel's first thread: puts files in place, reads what is to run, and starts it.
#include "start_program.h"

#include "autorun.h"
#include "boot_memory.h"
#include "console_device.h"
#include "devices.h"
#include "machine_state.h"
#include "secondary_cpus.h"
#include "user_start.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/cpu_features.h>
#include <drupe/arch/user_mode.h>
#include <drupe/base/scope_exit.h>
#include <drupe/devfs/devfs.h>
#include <drupe/entropy/random.h>
#include <drupe/hostfs/hostfs.h>
#include <drupe/init/start_config.h>
#include <drupe/ipc/queue_files.h>
#include <drupe/net/unix.h>
#include <drupe/proc/proc.h>
#include <drupe/process/lifecycle.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/share/device.h>
#include <drupe/syscall/machine_control.h>
#include <drupe/syscall/strace.h>
#include <drupe/trace/log.h>
#include <drupe/vdso/install.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/init.h>
#include <drupe/vfs/operations.h>

#include <array>
#include <new>

namespace drupe::image {
namespace {

constexpr const char* start_record_path = "/.drupe/start";

constinit init::CommandLine command_line{};

void read_command_line() {
    static constinit char storage[2048 + 1]; // COMMAND_LINE_SIZE of arm64 Linux
    auto line = init::split_command_line(state.machine->command_line, storage);
    if (!line) {
        log(LogLevel::error, "the kernel command line is longer than {} bytes and was not read",
            sizeof storage - 1);
        return;
    }
    command_line = line.value();
    state.options = init::read_options(command_line.options);
    say_running();
    if (state.options.quiet) trace::set_console_level(LogLevel::error);
    if (!state.options.unknown.empty())
        log(LogLevel::warning, "unknown word on the kernel command line: {}",
            state.options.unknown);
    arch::set_isolation(state.options.isolation == init::Isolation::el0
                            ? arch::IsolationMode::el0
                            : arch::IsolationMode::el1t);
    if (state.options.strace) syscall::enable_strace();
}

Result<void> make_root() {
    TRY(vfs::init());
    TRY(net::init_unix());
    ramfs::register_types();
    vfs::MountTable::mount_root(TRY(ramfs::create({.type = "rootfs"})), "rootfs");
    const std::span<std::byte> archive = boot_archive(state.boot, *state.machine);
    if (archive.empty()) {
        log(LogLevel::error,
            "there is no boot file system: give QEMU -initrd, or build one into the image");
        return Errc::not_found;
    }
    const ramfs::UnpackReport report =
        ramfs::unpack(*vfs::MountTable::root(), archive, ramfs::Archive::given);
    if (report.defect)
        log(LogLevel::error,
            "the boot file system is damaged at byte {}: {}; what stands before it is used",
            report.defect_at, report.defect);
    return {};
}

/// What every program finds, whatever its image brought.
Result<void> mount_standard(vfs::TaskContext& kernel) {
    devfs::register_types();
    proc::register_types();
    hostfs::register_types();
    ipc::register_types();
    constexpr std::uint32_t only_files =
        vfs::mount_no_suid | vfs::mount_no_devices | vfs::mount_no_exec;
    struct Place {
        const char* path;
        const char* type;
        std::uint32_t flags = 0;
    };
    for (const Place& place : {Place{"/dev", "devtmpfs"},
                               {"/proc", "proc"},
                               {"/sys", "sysfs"},
                               {"/dev/mqueue", "mqueue", only_files}}) {
        const Result<void> made = vfs::make_directory(kernel, nullptr, place.path, 0755);
        if (!made.ok() && made.error() != Errc::exists) return made;
        const RefPtr<vfs::Dentry> at =
            TRY(vfs::walk(kernel, nullptr, place.path, vfs::walk_follow | vfs::walk_directory));
        TRY(vfs::MountTable::mount(*at, {place.type, place.type, "", place.flags}));
    }
    return {};
}

/// Makes the directories of `path` (absolute) that are not there. What is at its end.
Result<RefPtr<vfs::Dentry>> make_directories(vfs::TaskContext& kernel, std::string_view path) {
    if (path.size() >= vfs::max_path) return Errc::name_too_long;
    auto* const text = static_cast<char*>(::operator new(vfs::max_path, std::nothrow));
    if (!text) return Errc::no_memory;
    ScopeExit free{[&] { ::operator delete(text); }};
    for (std::size_t end = 1; end <= path.size(); end++) {
        if (end != path.size() && path[end] != '/') continue;
        path.copy(text, end);
        text[end] = '\0';
        const Result<void> made = vfs::make_directory(kernel, nullptr, text, 0755);
        if (!made.ok() && made.error() != Errc::exists) return made.error();
    }
    return vfs::walk(kernel, nullptr, text, vfs::walk_follow | vfs::walk_directory);
}

Result<void> mount_share(vfs::TaskContext& kernel, const init::SharePlace& place) {
    share::Device* device = share::Device::find(place.tag);
    if (!device) return Errc::wrong_device;
    const RefPtr<vfs::Dentry> at = TRY(make_directories(kernel, place.path));
    return vfs::MountTable::mount(
        *at, {.type = device->protocol() == share::Protocol::ninep ? "9p" : "virtiofs",
              .source = place.tag,
              .options = {},
              .flags = place.is_read_only ? vfs::mount_read_only : std::uint32_t{0}});
}

Result<void> mount_shares(vfs::TaskContext& kernel, const init::StartConfig& config) {
    Result<void> outcome;
    config.shares.for_each([&](std::string_view text) {
        const init::SharePlace place = init::SharePlace::parse(text);
        const Result<void> mounted = mount_share(kernel, place);
        if (mounted.ok()) return;
        log(LogLevel::error, "the folder {} cannot be mounted at {}", place.tag, place.path);
        outcome = mounted.error();
    });
    return outcome;
}

/// The record's bytes, which the configuration borrows for ever; empty when there is none.
Result<std::string_view> take_start_record(vfs::TaskContext& kernel) {
    auto file = vfs::open(kernel, nullptr, start_record_path, {});
    if (!file) return std::string_view{};
    const std::size_t bytes = file.value()->inode().size();
    char* text = static_cast<char*>(::operator new(bytes + 1, std::nothrow));
    if (!text) return Errc::no_memory;
    vfs::IoBuffer buffer = vfs::IoBuffer::kernel(text, bytes);
    const std::size_t got = TRY(file.value()->read_at(buffer, 0));
    TRY(vfs::unlink(kernel, nullptr, start_record_path));
    TRY(vfs::remove_directory(kernel, nullptr, "/.drupe"));
    return std::string_view{text, got};
}

Result<init::StartConfig> what_to_run(vfs::TaskContext& kernel) {
    const std::string_view record = TRY(take_start_record(kernel));
    const init::StartOutcome outcome =
        record.empty() ? init::start_from_command_line(command_line, state.options)
                       : init::parse_start_record(record);
    if (outcome.ok()) return outcome.config;
    log(LogLevel::error, "cannot tell what to run: {} {}", outcome.flaw, outcome.record);
    return Errc::invalid;
}

// Only a program at the kernel's own level can enter it by a call.
VirtAddr direct_entry() {
    const bool is_reachable = arch::isolation() == arch::IsolationMode::el1t;
    return VirtAddr{is_reachable ? reinterpret_cast<std::uint64_t>(arch::drupe_direct_entry) : 0};
}

void program_ended(process::Process&, process::WaitStatus status) {
    vfs::MountTable::sync_all();
    if (status.is_killed()) end_machine({Ending::Kind::killed, status.signal()});
    end_machine({Ending::Kind::exited, status.code()});
}

// What is halted can never be woken here, so the machine need not stay on for it.
void install_machine_control() {
    syscall::install_machine_control({
        .power_off = [] { end_machine({Ending::Kind::powered_off}); },
        .restart = [] { end_machine({Ending::Kind::restarted}); },
        .halt = [] { end_machine({Ending::Kind::halted}); },
    });
}

void add_cpu_numbers() {
    std::array<std::uint64_t, 4> numbers;
    for (std::uint64_t& number : numbers)
        if (!arch::hardware_random(number)) return;
    entropy::add(std::as_bytes(std::span(numbers)), entropy::Quality::seed);
}

void seed_entropy() {
    std::array<std::byte, 64> seed;
    const std::size_t count = state.platform->seed_entropy(std::span<std::byte>(seed));
    entropy::add(std::span<const std::byte>(seed).first(count),
                 count >= 16 ? entropy::Quality::seed : entropy::Quality::stir);
    if (arch::cpu_features().rndr) add_cpu_numbers();
}

extern "C" const Autorun drupe_autorun_begin[], drupe_autorun_end[];

Result<void> run_linked_in() {
    if (&drupe_autorun_begin[0] == &drupe_autorun_end[0]) {
        log(LogLevel::error, "this image has nothing linked in for drupe.autorun={}",
            state.options.autorun);
        return Errc::not_supported;
    }
    TRY(seal_kernel());
    end_machine({Ending::Kind::exited, (*drupe_autorun_begin)(state.options.autorun)});
}

Result<void> run() {
    seed_entropy();
    if (!state.options.autorun.empty()) return run_linked_in();
    TRY(make_root());
    vfs::TaskContext kernel;
    const RefPtr<vfs::FsContext> fs = TRY(vfs::FsContext::create(vfs::MountTable::root()));
    kernel.fs = fs.get();
    TRY(mount_standard(kernel));
    TRY(vdso::install(direct_entry()));
    TRY(process::init(program_ended));
    install_machine_control();
    const init::StartConfig config = TRY(what_to_run(kernel));
    find_console(config);
    start_devices();
    TRY(start_console(config));
    TRY(mount_shares(kernel, config));
    RefPtr<vfs::FdTable> files = TRY(open_standard_files(kernel, config));
    TRY(seal_kernel());
    start_secondary_cpus();
    return start_user(kernel, config, std::move(files));
}

} // namespace

void start_program(void*) {
    read_command_line();
    if (auto outcome = run(); !outcome) {
        if (outcome.error() == Errc::no_memory)
            log(LogLevel::error, "there is too little memory to start: give the machine more");
        end_machine({Ending::Kind::exited, start_failure_status()});
    }
}

} // namespace drupe::image
