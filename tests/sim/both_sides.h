// SPDX-License-Identifier: BSD-2-Clause
// A script of system calls that runs twice: on the simulated machine, with this kernel's handlers,
// and as it stands on the build machine's Linux. Each run keeps a log; the logs must be equal.
#pragma once

#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sim {

/// The number and the handler of one call.
#define DRUPE_CALL(side, name, ...)                                                                \
    (side).call(SYS_##name, drupe::syscall::name __VA_OPT__(, ) __VA_ARGS__)
/// The same, noted under the text of the line.
#define DRUPE_NOTE(side, name, ...)                                                                \
    (side).note(#name "(" #__VA_ARGS__ ")", DRUPE_CALL(side, name, __VA_ARGS__))

/// Where a script runs, and what it saw.
class Side {
public:
    Side(Program* program, std::vector<std::string>& notes, Programs* machine = nullptr)
        : log(notes), program_(program), machine_(machine) {}
    ~Side() {
        for (std::thread& t : threads_) t.join();
    }
    bool is_here() const { return program_ != nullptr; }
    Program& program() { return *program_; }

    template <class Answer, class... Wanted, class... Given>
    std::int64_t call(long number, Answer (*ours)(Wanted...), Given... given) {
        if (program_) return program_->call([&] { return ours(to_ours<Wanted>(given)...); });
        const long result = ::syscall(number, to_linux(given)...);
        return result < 0 ? -errno : result;
    }
    /// Notes what a call gave.
    void note(const std::string& what, std::int64_t result) {
        log.push_back(what + " = " + std::to_string(result));
    }
    void note(const std::string& what, const std::string& text) {
        log.push_back(what + ": " + text);
    }
    /// Another thread of the program.
    void start(const std::function<void(Side&)>& body) {
        if (!program_) {
            threads_.emplace_back([body] {
                std::vector<std::string> own;
                Side other(nullptr, own);
                body(other);
            });
            return;
        }
        left_++;
        REQUIRE(clone(*program_, thread_flags, [this, body](Program& p) {
                    std::vector<std::string> own;
                    Side other(&p, own);
                    body(other);
                    left_--;
                }) > 0);
    }
    /// Counts the signal in `caught`. From the script's first thread.
    void catch_signal(int signo, unsigned long flags = 0) {
        caught[signo] = 0;
        if (!program_) {
            struct sigaction action {};
            action.sa_handler = [](int number) { caught[number]++; };
            action.sa_flags = static_cast<int>(flags);
            ::sigaction(signo, &action, nullptr);
            sigset_t open; // another script may have left it blocked
            ::sigemptyset(&open);
            ::sigaddset(&open, signo);
            ::pthread_sigmask(SIG_UNBLOCK, &open, nullptr);
            return;
        }
        struct {
            Word handler, flags, restorer, mask;
        } action{machine_->handler([](Program&, int number, const SigInfo&) { caught[number]++; }),
                 flags, 0, 0};
        REQUIRE(DRUPE_CALL(*this, rt_sigaction, signo, &action, nullptr, 8) == 0);
    }
    void sleep(long milliseconds) {
        struct {
            std::int64_t seconds, nanoseconds;
        } t{0, milliseconds * 1'000'000};
        call(SYS_nanosleep, drupe::syscall::nanosleep, &t, nullptr);
    }
    /// Until another thread, that has nothing left to do but to wait, does so.
    void await_sleep(std::int64_t thread) {
        if (program_) return sleep(1);
        const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
        for (char state = 'R'; state != 'S';) {
            std::ifstream in(path);
            std::string text;
            std::getline(in, text);
            const auto name_end = text.rfind(')');
            if (name_end == std::string::npos) return; // it has ended
            state = text[name_end + 2];
        }
    }
    /// Until every thread that was started has ended.
    void join() {
        while (left_ != 0) sleep(1);
        for (std::thread& t : threads_) t.join();
        threads_.clear();
    }

    std::vector<std::string>& log;
    static inline std::atomic<int> caught[65];

private:
    template <class Wanted, class Given>
    static Wanted to_ours(Given given) {
        if constexpr (std::is_same_v<Given, std::nullptr_t>)
            return Wanted{0};
        else if constexpr (std::is_pointer_v<Given> && std::is_integral_v<Wanted>)
            return reinterpret_cast<Wanted>(given);
        else if constexpr (std::is_pointer_v<Given>)
            return at(given);
        else
            return static_cast<Wanted>(given);
    }
    template <class Given>
    static long to_linux(Given given) {
        if constexpr (std::is_same_v<Given, std::nullptr_t>)
            return 0;
        else if constexpr (std::is_pointer_v<Given>)
            return reinterpret_cast<long>(given);
        else
            return static_cast<long>(given);
    }
    Program* program_;
    Programs* machine_;
    std::atomic<int> left_{0};
    std::vector<std::thread> threads_;
};

/// Runs the script on the simulated machine, in an empty folder that is its working directory, and
/// gives what it noted.
inline std::vector<std::string> run_here(const std::function<void(Side&)>& script) {
    std::vector<std::string> notes;
    Programs programs;
    REQUIRE(init_files());
    programs.start([&](Program& p) {
        auto fs = drupe::ramfs::create({}).value();
        drupe::ScopeExit gone{[&] { fs->detach(); }};
        auto& who = drupe::process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        Side side(&p, notes, &programs);
        script(side);
        side.join();
        who.files->close_all();
    });
    CHECK(programs.run());
    return notes;
}

/// Runs the script on both sides.
inline void check_both(const std::function<void(Side&)>& script) {
    const std::vector<std::string> here = run_here(script);
    std::vector<std::string> there;
    char path[] = "/tmp/drupe-both-XXXXXX";
    REQUIRE(::mkdtemp(path));
    const int before = ::open(".", O_RDONLY | O_DIRECTORY);
    REQUIRE(::chdir(path) == 0);
    {
        Side side(nullptr, there);
        script(side);
        side.join();
    }
    REQUIRE(::fchdir(before) == 0);
    ::close(before);
    (void)!std::system((std::string("rm -rf ") + path).c_str());
    std::size_t same = 0;
    while (same < here.size() && same < there.size() && here[same] == there[same]) same++;
    std::string before_it;
    for (std::size_t i = same < 12 ? 0 : same - 12; i < same; i++) before_it += there[i] + "\n";
    INFO("the first " << same << " notes agree, the last of them:\n" << before_it);
    CHECK((same < here.size() ? here[same] : "(end)") ==
          (same < there.size() ? there[same] : "(end)"));
}

} // namespace sim
