// SPDX-License-Identifier: BSD-2-Clause
// Waiting for many files: epoll and poll.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <poll_wait.h>

#include <drupe/sched/wall_clock.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/epoll.h>
#include <drupe/vfs/event_file.h>
#include <drupe/vfs/pipe.h>

using namespace drupe;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

void on(unsigned cpus, std::uint64_t seed, void (*main)(FileRoom&)) {
    weak::kernel::play(seed, cpus, [main] { main(FileRoom::instance()); });
}

RefPtr<vfs::File> event_file() {
    return vfs::create_event_file(0, vfs::EventReads::all, 0).value();
}
void raise(vfs::File& file) {
    std::uint64_t one = 1;
    auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(&one), sizeof one);
    WEAK_CHECK(file.write(buffer).ok());
}
std::size_t told_now(vfs::EpollFile& epoll) {
    vfs::EpollEvent events[2];
    auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(events), sizeof events);
    return epoll.wait(buffer, Nanos{0}).value();
}

weak::Scenario let_go{"a file that an epoll lets go of may go", [](std::uint64_t seed) {
                          on(2, seed, [](FileRoom&) {
                              auto epoll = vfs::create_epoll_file().value();
                              auto file = event_file();
                              WEAK_CHECK(epoll->add(*file, 0, {vfs::poll_in, 0, 0}).ok());
                              Gate gate{2};
                              Threads threads;
                              threads.start(0, [&] {
                                  gate.pass();
                                  epoll = nullptr;
                              });
                              threads.start(1, [&] {
                                  gate.pass();
                                  file = nullptr;
                              });
                          });
                      }};

weak::Scenario modified{
    "an epoll is told of what it asks for from now on", [](std::uint64_t seed) {
        on(2, seed, [](FileRoom&) {
            auto epoll = vfs::create_epoll_file().value();
            auto file = event_file();
            WEAK_CHECK(epoll->add(*file, 0, {0, 0, 0}).ok());
            {
                Gate gate{2};
                Threads threads;
                threads.start(0, [&] {
                    gate.pass();
                    WEAK_CHECK(epoll->modify(*file, 0, {vfs::poll_in, 0, 0}).ok());
                });
                threads.start(1, [&] {
                    gate.pass();
                    raise(*file);
                });
            }
            WEAK_CHECK(told_now(*epoll) == 1);
        });
    }};

weak::Scenario waits{"an epoll's wait ends with a file's event", [](std::uint64_t seed) {
                         on(2, seed, [](FileRoom&) {
                             auto epoll = vfs::create_epoll_file().value();
                             auto file = event_file();
                             WEAK_CHECK(epoll->add(*file, 0, {vfs::poll_in, 0, 0}).ok());
                             Threads threads;
                             threads.start(0, [&] { raise(*file); });
                             threads.start(1, [&] {
                                 vfs::EpollEvent event;
                                 auto buffer = vfs::IoBuffer::kernel(
                                     reinterpret_cast<char*>(&event), sizeof event);
                                 WEAK_CHECK(epoll->wait(buffer, Nanos::never()).value() == 1);
                             });
                         });
                     }};

/// poll() over two files: it ends only when it has seen the events of both.
weak::Scenario polls{"a poll that is woken sees what woke it", [](std::uint64_t seed) {
                         on(3, seed, [](FileRoom&) {
                             RefPtr<vfs::File> files[2] = {event_file(), event_file()};
                             Gate gate{3};
                             Threads threads;
                             for (unsigned i = 0; i < 2; ++i)
                                 threads.start(1 + i, [&, i] {
                                     gate.pass();
                                     raise(*files[i]);
                                 });
                             threads.start(0, [&] {
                                 gate.pass();
                                 syscall::PollWait wait;
                                 std::uint32_t seen = 0;
                                 for (auto& file : files) seen += file->poll(&wait) & vfs::poll_in;
                                 while (seen != 2 * vfs::poll_in) {
                                     bool is_ready = false;
                                     (void)wait.wait_for(Nanos::never(), is_ready);
                                     wait.rearm();
                                     seen = 0;
                                     for (auto& file : files)
                                         seen += file->poll(nullptr) & vfs::poll_in;
                                 }
                             });
                         });
                     }};

weak::Scenario clock_set{
    "who waits for a time of day hears of a clock that is set", [](std::uint64_t seed) {
        on(2, seed, [](FileRoom&) {
            const Nanos day{86'400'000'000'000};
            const Nanos wall{time::now().ns + time::wall_offset().ns};
            Gate gate{2};
            Threads threads;
            threads.start(0, [&] {
                gate.pass();
                sched::set_wall_clock(Nanos{wall.ns + 2 * day.ns});
            });
            threads.start(1, [&] {
                gate.pass();
                (void)sched::sleep_until(sched::Deadline::on_wall(Nanos{wall.ns + day.ns}));
                WEAK_CHECK(time::now().ns < day.ns); // not slept through
            });
        });
    }};

} // namespace
