// SPDX-License-Identifier: BSD-2-Clause
// What a process may set about itself, and what is refused.
#include "caller.h"

#include <drupe/process/credentials.h>
#include <drupe/process/signal.h>
#include <drupe/sync/lock_statistics.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <linux/membarrier.h>
#include <sys/prctl.h>

using namespace drupe;
namespace sc = drupe::syscall;
using test::at;

TEST_CASE("prctl refuses arguments that must be zero") {
    test::Caller caller;
    CHECK(caller.run([&] {
        CHECK(sc::prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0).error() == Errc::invalid);
        CHECK(sc::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0).value() == 0);
        CHECK(sc::prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0).error() == Errc::invalid);
        CHECK(sc::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).ok());
        CHECK(sc::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0).value() == 1);
        CHECK(sc::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 1).error() == Errc::invalid);
        CHECK(sc::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0).ok());
        CHECK(sc::prctl(PR_GET_THP_DISABLE, 0, 1, 0, 0).error() == Errc::invalid);
        CHECK(sc::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0).error() ==
              Errc::invalid);
        CHECK(sc::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0).ok());
        CHECK(sc::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 40, 0, 0).value() == 0);
        CHECK(sc::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 41, 0, 0).error() == Errc::invalid);
    }));
}

TEST_CASE("a timer slack is kept, and 0 brings the first one back") {
    test::Caller caller;
    CHECK(caller.run([&] {
        CHECK(sc::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0).value() == 50'000);
        CHECK(sc::prctl(PR_SET_TIMERSLACK, 7, 0, 0, 0).ok());
        CHECK(sc::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0).value() == 7);
        CHECK(sc::prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0).ok());
        CHECK(sc::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0).value() == 50'000);
    }));
}

TEST_CASE("a private barrier is for those who registered for it") {
    test::Caller caller;
    CHECK(caller.run([&] {
        const auto barrier = [](int command) { return sc::membarrier(command, 0, 0); };
        CHECK(barrier(MEMBARRIER_CMD_GLOBAL).ok());
        CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED).error() == Errc::not_permitted);
        CHECK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED).ok());
        CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED).ok());
        CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE).error() == Errc::not_permitted);
        CHECK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE).ok());
        CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE).ok());
    }));
}

TEST_CASE("nobody may have more descriptors than a table can hold") {
    test::Caller caller;
    CHECK(caller.run([&] {
        constexpr int open_files = static_cast<int>(process::Resource::open_files);
        process::Limit limit{vfs::FdTable::most, vfs::FdTable::most};
        CHECK(sc::setrlimit(open_files, at(limit)).ok());
        limit.hard++;
        CHECK(sc::setrlimit(open_files, at(limit)).error() == Errc::not_permitted);
    }));
}

TEST_CASE("signals within a process take no lock of all processes") {
    test::Caller caller;
    CHECK(caller.run([&] {
        const std::uint64_t before = lock_statistics::of(LockRank::process).taken;
        process::UserThread& self = process::current_user();
        self.blocked = process::SignalSet(~std::uint64_t{0});
        CHECK(sc::kill(100, 10).ok());
        CHECK(sc::kill(100, 0).ok());
        CHECK(sc::tgkill(100, 100, 12).ok());
        CHECK(sc::tkill(100, 34).ok());
        process::QueuedSignal to_process, to_thread;
        to_process.info.signo = 14;
        to_thread.info.signo = 35;
        CHECK(process::post_signal(*self.process, to_process, 1));
        CHECK_FALSE(process::post_signal(*self.process, to_process, 1));
        CHECK(process::post_signal(*self.process, 100, to_thread, 2));
        process::withdraw_signal(*self.process, to_process);
        process::withdraw_signal(*self.process, to_thread);
        CHECK(process::post_signal(*self.process, 15));
        CHECK(lock_statistics::of(LockRank::process).taken == before);
        CHECK(sc::kill(100, 18).ok()); // SIGCONT: parents look at what it does
        CHECK(lock_statistics::of(LockRank::process).taken > before);
        CHECK(self.pending.set().raw() == ((1ull << 11) | (1ull << 33)));
        self.pending.clear(process::SignalSet::all());
    }));
}
