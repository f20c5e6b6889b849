// SPDX-License-Identifier: BSD-2-Clause
// The program of the machine: found through PATH, loaded, started.
#include "user_start.h"

#include "console_device.h"
#include "machine_state.h"

#include <drupe/entropy/random.h>
#include <drupe/exec/load.h>
#include <drupe/process/program.h>
#include <drupe/trace/log.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/path.h>

#include <algorithm>
#include <cstring>

namespace drupe::image {
namespace {

constinit int failure_status = exec::FailureReport::not_runnable;

class KernelOpener final : public exec::Opener {
public:
    explicit KernelOpener(vfs::TaskContext& who) : who_(who) {}
    Result<RefPtr<vfs::File>> open_program(const char* path) override {
        return vfs::open_executable(who_, nullptr, path);
    }

private:
    vfs::TaskContext& who_;
};

struct Path {
    char text[4096];
    bool set(std::string_view directory, std::string_view name) {
        if (directory.size() + name.size() + 2 > sizeof text) return false;
        char* end = std::copy(directory.begin(), directory.end(), text);
        if (!directory.empty()) *end++ = '/';
        *std::copy(name.begin(), name.end(), end) = '\0';
        return true;
    }
};

std::string_view search_path(const init::StartConfig& config) {
    std::string_view found = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    config.environment.for_each([&](std::string_view word) {
        if (word.starts_with("PATH=")) found = word.substr(5);
    });
    return found;
}

// As execvp: the first directory that has an executable file of that name; a file that may not be
// executed is remembered, so that the message tells the truth.
Result<void> find_program(exec::Opener& opener, std::string_view name, std::string_view directories,
                          Path& path) {
    if (name.find('/') != std::string_view::npos || name.empty())
        return path.set({}, name) ? Result<void>{} : Errc::name_too_long;
    Errc outcome = Errc::not_found;
    while (!directories.empty()) {
        const std::string_view directory = directories.substr(0, directories.find(':'));
        directories.remove_prefix(std::min(directory.size() + 1, directories.size()));
        if (!path.set(directory.empty() ? "." : directory, name)) continue;
        auto file = opener.open_program(path.text);
        if (file) return {};
        if (file.error() != Errc::not_found && file.error() != Errc::not_directory)
            outcome = file.error();
    }
    (void)path.set({}, name);
    return outcome;
}

Result<OwnPtr<exec::ArgumentBlock>> gather(const init::StartConfig& config,
                                           std::uint64_t stack_limit) {
    auto block =
        TRY(make_own<exec::ArgumentBlock>(exec::ArgumentBlock::limit_for_stack(stack_limit)));
    Result<void> outcome;
    config.for_each_argument([&](std::string_view word) {
        if (outcome) outcome = block->add_argument(word);
    });
    config.environment.for_each([&](std::string_view word) {
        if (outcome) outcome = block->add_variable(word);
    });
    TRY(outcome);
    return block;
}

Result<process::Start> load(vfs::TaskContext& kernel, const init::StartConfig& config,
                            process::Process& process) {
    const std::uint64_t stack_limit =
        process.limits[static_cast<std::size_t>(process::Resource::stack)].soft;
    OwnPtr<exec::ArgumentBlock> arguments = TRY(gather(config, stack_limit));
    auto path = TRY(make_own<Path>());
    KernelOpener opener(kernel);
    exec::FailureReport report;
    const std::string_view name = arguments->first_argument();
    if (auto found = find_program(opener, name, search_path(config), *path); !found) {
        failure_status = found.error() == Errc::not_found ? exec::FailureReport::not_found
                                                          : exec::FailureReport::not_runnable;
        log(LogLevel::error,
            found.error() == Errc::not_found ? "program not found: {}"
                                             : "program cannot be executed: {}",
            name);
        return found.error();
    }
    exec::LoadRequest request;
    request.opener = &opener;
    request.path = path->text;
    request.arguments = arguments.get();
    request.uid = request.euid = config.uid;
    request.gid = request.egid = config.gid;
    request.randomize = state.options.randomize;
    exec::LoadRequest::Drawn drawn;
    entropy::fill(std::as_writable_bytes(std::span(drawn)));
    request.take(drawn);
    auto loaded = process::load_program(request, process.limits, report);
    if (!loaded) {
        failure_status = report.status();
        log(LogLevel::error, "{}", report.text());
        return loaded.error();
    }
    const process::Start start{loaded.value().pc, loaded.value().sp, {}, {}, give_terminal};
    process.image = std::move(loaded.value().image);
    return start;
}

Result<void> enter_directory(vfs::TaskContext& kernel, std::string_view path) {
    auto found = vfs::walk(kernel, nullptr, path.data(), vfs::walk_follow | vfs::walk_directory);
    if (!found) {
        log(LogLevel::error,
            found.error() == Errc::not_found ? "the working directory {} does not exist"
                                             : "the working directory {} cannot be entered",
            path);
        return found.error();
    }
    kernel.fs->set_cwd(std::move(found).value());
    return {};
}

} // namespace

Result<void> start_user(vfs::TaskContext& kernel, const init::StartConfig& config,
                        RefPtr<vfs::FdTable> files) {
    RefPtr<process::Process> process = TRY(process::Process::create(&process::reaper()));
    process->credentials = {.uid = config.uid,
                            .euid = config.uid,
                            .suid = config.uid,
                            .fsuid = config.uid,
                            .gid = config.gid,
                            .egid = config.gid,
                            .sgid = config.gid,
                            .fsgid = config.gid,
                            .groups = {}};
    process->actions = TRY(make_ref<process::SignalActions>());
    // First of all: relative names of the program count from there.
    TRY(enter_directory(kernel, config.cwd));
    process::Start start = TRY(load(kernel, config, *process));
    start.files = std::move(files);
    start.fs = TRY(kernel.fs->clone());
    TRY(process::start_program(std::move(process), std::move(start)));
    return {};
}

int start_failure_status() { return failure_status; }

} // namespace drupe::image
