// SPDX-License-Identifier: BSD-2-Clause
// A process in the table of tasks, made once in a process by the first thread that asks. Kernel
// threads are its threads for a while: what asks who is running finds an answer.
#pragma once

#include <drupe/process/process.h>

namespace weak {

class Program {
public:
    /// Context: thread.
    static Program& instance();
    drupe::process::Process& process() { return *process_; }

    /// While it lives, the running thread is one of the program's.
    class Part {
    public:
        Part();
        ~Part();
        Part(const Part&) = delete;
        Part& operator=(const Part&) = delete;
        drupe::process::UserThread user;
    };

private:
    Program();
    drupe::RefPtr<drupe::process::Process> process_;
};

} // namespace weak
