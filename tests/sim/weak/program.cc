// SPDX-License-Identifier: BSD-2-Clause
#include "program.h"

#include "file_room.h"

#include <weak/runner.h>

#include <drupe/net/unix.h>
#include <drupe/process/lifecycle.h>
#include <drupe/process/task_table.h>

namespace weak {

using namespace drupe;

Program::Program() {
    FileRoom::instance();
    WEAK_CHECK(process::init(nullptr).ok());
    WEAK_CHECK(net::init_unix().ok());
    process_ = process::Process::create(&process::reaper()).value();
    process_->actions = make_ref<process::SignalActions>().value();
    IrqGuard tasks{process::tasks_lock()};
    process_->pid = process_->group = process_->session = process::allocate_id_locked().value();
    process::add_process_locked(*process_);
}

Program& Program::instance() {
    static Program* const made = new Program;
    return *made;
}

Program::Part::Part() : user(instance().process()) {
    sched::Thread& self = sched::current();
    self.process = user.process;
    self.user = &user;
    user.thread = &self;
    IrqGuard tasks{process::tasks_lock()};
    IrqGuard guard{user.process->actions->lock};
    user.tid = user.process->threads.is_empty() ? user.process->pid
                                                : process::allocate_id_locked().value();
    process::add_thread_locked(user);
    user.process->threads.push_back(self);
    user.process->thread_count++;
}

Program::Part::~Part() {
    sched::Thread& self = sched::current();
    {
        IrqGuard tasks{process::tasks_lock()};
        IrqGuard guard{user.process->actions->lock};
        user.process->threads.remove(self);
        user.process->thread_count--;
        process::remove_thread_locked(user);
    }
    self.process = nullptr;
    self.user = nullptr;
}

} // namespace weak
