// SPDX-License-Identifier: BSD-2-Clause
// What files of several kinds do without a lock, or before they take it.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/arch/cpu.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/dentry.h>
#include <drupe/vfs/epoll.h>
#include <drupe/vfs/event_file.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/paged_file.h>
#include <drupe/vfs/pipe.h>

#include <atomic>

using namespace drupe;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

void on_two(std::uint64_t seed, void (*main)(FileRoom&)) {
    weak::kernel::play(seed, 2, [main] { main(FileRoom::instance()); });
}

weak::Scenario pipe_bytes{"a pipe's reader sees bytes, then the end", [](std::uint64_t seed) {
                              on_two(seed, [](FileRoom&) {
                                  vfs::PipeEnds pipe = vfs::create_pipe(0).value();
                                  Gate gate{2};
                                  Threads threads;
                                  threads.start(0, [&] {
                                      gate.pass();
                                      FileRoom::put(*pipe.write_end, 'a');
                                      FileRoom::put(*pipe.write_end, 'b');
                                      pipe.write_end = nullptr;
                                  });
                                  threads.start(1, [&] {
                                      gate.pass();
                                      WEAK_CHECK(FileRoom::get(*pipe.read_end) == 'a');
                                      WEAK_CHECK(FileRoom::get(*pipe.read_end) == 'b');
                                      WEAK_CHECK(FileRoom::get(*pipe.read_end) == '\0');
                                  });
                              });
                          }};

// In these two the CPU that writes and the one that closes last may differ: nothing but the count
// of writers tells the reader.
weak::Scenario end_of_file{"the end is not seen before the bytes", [](std::uint64_t seed) {
                               weak::kernel::play(seed, 3, [] {
                                   FileRoom::instance();
                                   vfs::PipeEnds pipe =
                                       vfs::create_pipe(vfs::open_nonblock).value();
                                   RefPtr<vfs::File> other = pipe.write_end;
                                   Gate gate{3};
                                   Threads threads;
                                   threads.start(0, [&] {
                                       gate.pass();
                                       FileRoom::put(*pipe.write_end, 'a');
                                       pipe.write_end = nullptr;
                                   });
                                   threads.start(1, [&] {
                                       gate.pass();
                                       other = nullptr;
                                   });
                                   threads.start(2, [&] {
                                       gate.pass();
                                       char byte = 0;
                                       for (;;) {
                                           auto buffer = vfs::IoBuffer::kernel(&byte, 1);
                                           const auto read = pipe.read_end->read(buffer);
                                           if (!read.ok()) continue; // nothing yet
                                           WEAK_CHECK(read.value() == 1 && byte == 'a');
                                           break;
                                       }
                                   });
                               });
                           }};

weak::Scenario hang_up{"a hang-up is not seen before the bytes", [](std::uint64_t seed) {
                           weak::kernel::play(seed, 3, [] {
                               FileRoom::instance();
                               vfs::PipeEnds pipe = vfs::create_pipe(0).value();
                               RefPtr<vfs::File> other = pipe.write_end;
                               Gate gate{3};
                               Threads threads;
                               threads.start(0, [&] {
                                   gate.pass();
                                   FileRoom::put(*pipe.write_end, 'a');
                                   pipe.write_end = nullptr;
                               });
                               threads.start(1, [&] {
                                   gate.pass();
                                   other = nullptr;
                               });
                               threads.start(2, [&] {
                                   gate.pass();
                                   std::uint32_t seen = 0;
                                   while (((seen = pipe.read_end->poll(nullptr)) & vfs::poll_hup) ==
                                          0) {}
                                   WEAK_CHECK((seen & vfs::poll_in) != 0);
                               });
                           });
                       }};

weak::Scenario events{
    "an event counter passes on what came before", [](std::uint64_t seed) {
        on_two(seed, [](FileRoom&) {
            auto file = vfs::create_event_file(0, vfs::EventReads::all, 0).value();
            int value = 0;
            Threads threads;
            threads.start(0, [&] {
                value = 1;
                std::uint64_t one = 1;
                auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(&one), 8);
                WEAK_CHECK(file->write(buffer).ok());
            });
            threads.start(1, [&] {
                std::uint64_t count = 0;
                auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(&count), 8);
                WEAK_CHECK(file->read(buffer).ok());
                WEAK_CHECK(count == 1 && value == 1);
            });
        });
    }};

weak::Scenario full_counter{
    "who waits for room in an event counter sees what came before", [](std::uint64_t seed) {
        on_two(seed, [](FileRoom&) {
            const std::uint64_t most = ~std::uint64_t{0} - 1;
            auto file = vfs::create_event_file(most, vfs::EventReads::all, 0).value();
            int value = 0;
            Threads threads;
            threads.start(0, [&] {
                value = 1;
                std::uint64_t count = 0;
                auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(&count), 8);
                WEAK_CHECK(file->read(buffer).ok() && count == most);
            });
            threads.start(1, [&] {
                std::uint64_t one = 1;
                auto buffer = vfs::IoBuffer::kernel(reinterpret_cast<char*>(&one), 8);
                WEAK_CHECK(file->write(buffer).ok() && value == 1);
            });
        });
    }};

weak::Scenario renamed{
    "a file that is renamed is found by one of its names", [](std::uint64_t seed) {
        on_two(seed, [](FileRoom& room) {
            room.create("/a");
            Gate gate{2};
            {
                Threads threads;
                threads.start(0, [&] {
                    gate.pass();
                    WEAK_CHECK(vfs::rename(room.who, nullptr, "/a", nullptr, "/b", 0).ok());
                });
                threads.start(1, [&] {
                    gate.pass();
                    if (room.exists("/b")) return;
                    // Not there: then it still was or will be under the old name, or has just
                    // moved.
                    if (!room.exists("/a")) WEAK_CHECK(room.exists("/b"));
                });
            }
            room.remove("/b");
        });
    }};

weak::Scenario unused{"a file system that is detached goes with its last user",
                      [](std::uint64_t seed) {
                          on_two(seed, [](FileRoom&) {
                              RefPtr<vfs::FileSystem> fs = ramfs::create({}).value();
                              fs->add_user();
                              {
                                  Gate gate{2};
                                  Threads threads;
                                  threads.start(0, [&] {
                                      gate.pass();
                                      fs->remove_user();
                                  });
                                  threads.start(1, [&] {
                                      gate.pass();
                                      fs->detach();
                                  });
                              }
                              WEAK_CHECK(!fs->root());
                          });
                      }};

} // namespace
