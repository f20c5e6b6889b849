// SPDX-License-Identifier: BSD-2-Clause
#include "console_device.h"

#include "machine_state.h"

#include <drupe/process/groups.h>
#include <drupe/process/signal.h>
#include <drupe/trace/log.h>
#include <drupe/tty/console.h>
#include <drupe/tty/job_control.h>
#include <drupe/vfs/operations.h>

namespace drupe::image {
namespace {

std::size_t read_console(std::span<char> buffer) {
    if (const auto window = state.console->take_window())
        tty::console_tty().set_window({window->rows, window->columns});
    return state.console->read(buffer);
}

constexpr std::string_view host_console = "hvc0";
constinit bool is_host_console = false;

constinit const tty::JobControl job_control = {
    .session_of_caller = [] { return process::current_process().session; },
    .group_of_caller = [] { return process::current_process().group; },
    .caller_leads_session =
        [] { return process::current_process().session == process::current_process().pid; },
    .caller_ignores = process::caller_ignores,
    .is_orphaned = process::is_orphaned_group,
    .is_in_session = process::is_group_in_session,
    .signal_group = [](tty::Id group, int signo) { process::post_signal_to_group(group, signo); },
};

Result<RefPtr<vfs::File>> open_input(vfs::TaskContext& kernel, init::StdinMode mode) {
    switch (mode) {
    case init::StdinMode::framed: return tty::open_framed_input();
    case init::StdinMode::null: return vfs::open(kernel, nullptr, "/dev/null", {});
    case init::StdinMode::keys:
    case init::StdinMode::tty: break;
    }
    return vfs::open(kernel, nullptr, "/dev/console", {.flags = vfs::open_read_write});
}

tty::InputKind input_kind(init::StdinMode mode) {
    switch (mode) {
    case init::StdinMode::framed: return tty::InputKind::framed;
    case init::StdinMode::keys: return tty::InputKind::framed_keys;
    case init::StdinMode::null:
    case init::StdinMode::tty: break;
    }
    return tty::InputKind::keys;
}

} // namespace

void find_console(const init::StartConfig& config) {
    // The early console has no interrupt; the device found now has one if there is any.
    if (auto console = state.platform->console(state.map_registers))
        state.use_console(*console.value());
    if (config.stdout_mode == init::StdoutMode::raw)
        trace::set_console_line_form(trace::LineForm::framed);
}

void take_host_console(drivers::Console& console) {
    if (is_host_console || (state.console && state.options.console != host_console)) return;
    is_host_console = true;
    state.use_console(console);
}

Result<void> start_console(const init::StartConfig& config) {
    if (!state.console) return {};
    TRY(tty::start_console({read_console, trace::write_console}, input_kind(config.stdin_mode)));
    if (is_host_console) tty::add_console_node(229, 0, host_console.data());
    tty::install(job_control);
    if (config.rows != 0) tty::console_tty().set_window({config.rows, config.columns});
    auto input = state.console->enable_input([](void*) { tty::on_console_input(); }, nullptr);
    if (!input) log(LogLevel::warning, "the console takes no input");
    return {};
}

Result<RefPtr<vfs::FdTable>> open_standard_files(vfs::TaskContext& kernel,
                                                 const init::StartConfig& config) {
    constexpr std::uint64_t limit = 3;
    RefPtr<vfs::FdTable> table = TRY(vfs::FdTable::create());
    const bool is_raw = config.stdout_mode == init::StdoutMode::raw;
    const char* output = !state.console ? "/dev/null" : is_raw ? "/dev/rawconsole" : "/dev/console";
    const init::StdinMode mode = state.console ? config.stdin_mode : init::StdinMode::null;
    TRY(table->install(TRY(open_input(kernel, mode)), false, limit));
    RefPtr<vfs::File> out =
        TRY(vfs::open(kernel, nullptr, output, {.flags = vfs::open_read_write}));
    TRY(table->install(out, false, limit));
    TRY(table->install(std::move(out), false, limit));
    return table;
}

void give_terminal(const process::Process& program) {
    if (state.console) tty::console_tty().give_to(program.session, program.group);
}

} // namespace drupe::image
