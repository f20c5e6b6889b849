// SPDX-License-Identifier: BSD-2-Clause
#include "process_programs.h"

#include <drupe/arch/irq_state.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/restart.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/file_system.h>

#include <catch2/catch.hpp>

#include <stdexcept>

namespace sim {

using namespace drupe;
namespace proc = drupe::process;

namespace {

Programs* the_programs = nullptr;
std::map<Word, Body> bodies;
std::map<Word, Handler> handlers;
Word next_address = 0x1000;

/// A root directory for programs that open nothing.
class EmptyFileSystem final : public vfs::FileSystem {
public:
    std::string_view type() const override { return "empty"; }
    vfs::FileSystemStats stats() override { return {}; }
    static RefPtr<vfs::Dentry> root_directory() {
        auto fs = RefPtr<EmptyFileSystem>::adopt(new EmptyFileSystem);
        return vfs::Dentry::create(*fs, nullptr, vfs::Name{"", 0, 0}).value();
    }
};

void program_ended(proc::Process&, WaitStatus status) { the_programs->ended = status; }

void run_program(arch::TrapFrame& frame) {
    proc::UserThread& self = proc::current_user();
    self.thread->user_frame = &frame;
    try {
        Program program(frame);
        bodies.at(frame.pc())(program);
    } catch (...) { the_programs->failure = std::current_exception(); }
    if (the_programs->failure) proc::exit_process(WaitStatus::killed(proc::sigabrt));
    proc::exit_thread(0);
}

} // namespace

std::int64_t Program::enter(const std::function<Result<Word>()>& handler) {
    const unsigned repeats = frame_.repeats;
    const Result<Word> result = handler();
    if (result.ok()) {
        frame_.set_return(result.value());
    } else {
        if (result.error() == Errc::restart || result.error() == Errc::restart_no_handler ||
            result.error() == Errc::restart_always)
            proc::record_interrupted({1000, {}});
        frame_.set_return(static_cast<Word>(syscall::to_return_value(result.error())));
    }
    leave();
    if (frame_.repeats == repeats) return frame_.returned();
    if (frame_.number == 128) return enter([] { return syscall::restart_syscall(); });
    return enter(handler);
}

std::int64_t Program::call(const std::function<Result<Word>()>& handler) { return enter(handler); }

void Program::compute(std::int64_t nanoseconds) {
    the_programs->machine.user(Nanos{nanoseconds});
    leave();
}

/// The way out of the kernel, and every handler that has to run before the program goes on.
void Program::leave() {
    constexpr std::uint32_t signals = sched::work_signal | sched::work_restart;
    for (;;) {
        while ((sched::current().work.load() & signals) != 0) proc::on_return_to_user(frame_);
        arch::irq_disable();
        sched::schedule_if_needed();
        arch::irq_enable();
        if ((sched::current().work.load() & signals) != 0) continue;
        const auto found = handlers.find(frame_.pc());
        if (found == handlers.end()) return;
        const auto info = *reinterpret_cast<const SigInfo*>(frame_.args[1]);
        const Word sp = frame_.sp();
        frame_.set_pc(0x10); // inside the handler: its own calls do not run it again
        found->second(*this, static_cast<int>(frame_.args[0]), info);
        frame_.set_sp(sp);
        (void)syscall::rt_sigreturn();
    }
}

namespace {
Options without_checks(Options options) {
    options.check = false; // the checks know only threads that the machine spawned
    return options;
}
} // namespace

bool Programs::run() {
    const bool finished = machine.run();
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    return finished;
}

Programs::Programs(Options options) : memory(2048), machine(without_checks(options)) {
    the_programs = this;
    arch::host::program = &run_program;
    static const bool once = proc::init(&program_ended).ok();
    if (!once) throw std::runtime_error("no reaper");
}

Programs::~Programs() {
    the_programs = nullptr;
    std::size_t left = 0;
    proc::for_each_process([&](proc::Process&) { left++; });
    CHECK(left == 1); // the reaper
}

void Programs::start(Body main) {
    auto space = mm::AddressSpace::create();
    auto image = proc::Image::create(std::move(space).value());
    auto made = proc::Process::create(&proc::reaper());
    RefPtr<proc::Process> process = std::move(made).value();
    process->image = std::move(image).value();
    process->image->set_name("/bin/test");
    process->actions = make_ref<proc::SignalActions>().value();
    process->group = process->session = 0; // its own
    proc::Start start{VirtAddr{entry(std::move(main))}, VirtAddr{stack()},
                      vfs::FdTable::create().value(),
                      vfs::FsContext::create(EmptyFileSystem::root_directory()).value()};
    if (!proc::start_program(std::move(process), std::move(start)))
        throw std::runtime_error("no program");
}

Word Programs::entry(Body body) {
    bodies[next_address += 16] = std::move(body);
    return next_address;
}

Word Programs::handler(Handler handler) {
    handlers[next_address += 16] = std::move(handler);
    return next_address;
}

Word Programs::stack(std::size_t bytes) {
    stacks.push_back(std::make_unique<char[]>(bytes));
    return reinterpret_cast<Word>(stacks.back().get() + bytes);
}

std::int64_t clone(Program& caller, Word flags, Body body, Word child_tid) {
    return caller.call([&]() -> Result<Word> {
        arch::TrapFrame start = caller.frame();
        start.set_pc(the_programs->entry(std::move(body)));
        const proc::CloneRequest request{flags, VirtAddr{the_programs->stack()}, VirtAddr{},
                                         VirtAddr{}, VirtAddr{child_tid}};
        return static_cast<Word>(TRY(proc::clone(start, request)));
    });
}

} // namespace sim
