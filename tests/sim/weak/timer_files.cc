// SPDX-License-Identifier: BSD-2-Clause
// Files that tell of a time.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/arch/cpu.h>
#include <drupe/vfs/timer_file.h>

using namespace drupe;
using vfs::TimerFile;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

bool has_expired(TimerFile& file) { return (file.poll(nullptr) & vfs::poll_in) != 0; }

weak::Scenario expired{
    "a time that has come is told while it is counted", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            FileRoom::instance();
            auto file = TimerFile::create(TimerFile::Follows::monotonic, 0).value();
            TimerFile::Setting before{};
            WEAK_CHECK(file->set({Nanos{1}, Nanos{0}, false, false}, before).ok());
            while (!has_expired(*file)) arch::cpu_relax();
            Gate gate{2};
            Threads threads;
            threads.start(0, [&] {
                gate.pass();
                (void)file->setting(); // counts
            });
            threads.start(1, [&] {
                WEAK_CHECK(has_expired(*file)); // knows of it
                gate.pass();
                for (int i = 0; i < 4; ++i) WEAK_CHECK(has_expired(*file));
            });
        });
    }};

} // namespace
