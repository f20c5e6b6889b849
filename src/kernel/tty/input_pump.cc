// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/tty/input_pump.h>

#include <drupe/sched/thread.h>

namespace drupe::tty {

Result<void> InputPump::start(Read read, InputReceiver& receiver) {
    attach(read, receiver);
    auto thread = TRY(sched::Thread::create("console", run, this));
    thread->start();
    return {};
}

void InputPump::carry() {
    for (;;) {
        if (held_begin_ == held_end_) {
            held_begin_ = 0;
            held_end_ = read_(std::span(held_));
            if (held_end_ == 0) return;
        }
        const std::string_view rest(held_ + held_begin_, held_end_ - held_begin_);
        const std::size_t taken = receiver_->receive(rest);
        held_begin_ += taken;
        if (taken < rest.size()) return;
    }
}

void InputPump::run(void* self) {
    auto& pump = *static_cast<InputPump*>(self);
    for (;;) {
        pump.work_.wait();
        pump.carry();
    }
}

} // namespace drupe::tty
