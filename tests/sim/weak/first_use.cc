// SPDX-License-Identifier: BSD-2-Clause
// What the first who needs it makes, and everybody uses from then on. Once in a process.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/vfs/dentry.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inotify.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/record_lock.h>

using namespace drupe;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

void both_first(std::uint64_t seed, void (*use)(FileRoom&)) {
    weak::kernel::play(seed, 2, [use] {
        FileRoom& room = FileRoom::instance();
        Gate gate{2};
        Threads threads;
        for (unsigned cpu = 0; cpu < 2; ++cpu)
            threads.start(cpu, [&] {
                gate.pass();
                use(room);
            });
    });
}

weak::Scenario memory_files{"the file system of memory files is made once",
                            [](std::uint64_t seed) {
                                both_first(seed, [](FileRoom&) {
                                    auto file = vfs::create_memory_file("m", vfs::Sealing::never);
                                    WEAK_CHECK(file.ok());
                                });
                            },
                            weak::Scenario::Process::one_seed};

weak::Scenario watched{
    "who sees a directory watched finds the watch",
    [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            FileRoom& room = FileRoom::instance();
            Gate gate{2};
            RefPtr<vfs::File> file;
            Threads threads;
            threads.start(0, [&] {
                gate.pass();
                file = vfs::InotifyFile::create(0, 0).value();
                RefPtr<vfs::Dentry> root = room.file_system().root();
                WEAK_CHECK(
                    static_cast<vfs::InotifyFile&>(*file).watch(*root, vfs::notify_create).ok());
            });
            threads.start(1, [&] {
                gate.pass();
                room.create("/a");
            });
        });
    },
    weak::Scenario::Process::one_seed};

weak::Scenario locks{
    "a file's list of locks is made once", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            FileRoom& room = FileRoom::instance();
            RefPtr<vfs::File> file = room.create("/locked");
            {
                Gate gate{2};
                Threads threads;
                for (std::uint64_t cpu = 0; cpu < 2; ++cpu)
                    threads.start(static_cast<unsigned>(cpu), [&, cpu] {
                        gate.pass();
                        const vfs::RecordLockRequest request{vfs::LockType::exclusive, cpu, cpu,
                                                             &room};
                        WEAK_CHECK(
                            vfs::set_record_lock(file->inode(), request, vfs::WhenHeld::fail).ok());
                    });
            }
            vfs::release_record_locks(file->inode(), &room);
            file = nullptr;
            room.remove("/locked");
        });
    }};

weak::Scenario closed{
    "a file that goes finds the list of locks whole", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            FileRoom& room = FileRoom::instance();
            RefPtr<vfs::File> files[2] = {room.create("/shut"), room.create("/shut")};
            {
                Gate gate{2};
                Threads threads;
                threads.start(0, [&] {
                    gate.pass();
                    WEAK_CHECK(
                        vfs::set_flock(*files[0], vfs::LockType::shared, vfs::WhenHeld::fail).ok());
                });
                threads.start(1, [&] {
                    gate.pass();
                    files[1] = nullptr;
                });
            }
            files[0] = nullptr;
            room.remove("/shut");
        });
    }};

/// `look` meets the list that another CPU has just made.
void beside_first_lock(std::uint64_t seed, void (*look)(vfs::Inode&)) {
    weak::kernel::play(seed, 2, [look] {
        FileRoom& room = FileRoom::instance();
        RefPtr<vfs::File> file = room.create("/looked_at");
        {
            Gate gate{2};
            Threads threads;
            threads.start(0, [&] {
                gate.pass();
                WEAK_CHECK(vfs::set_flock(*file, vfs::LockType::shared, vfs::WhenHeld::fail).ok());
            });
            threads.start(1, [&] {
                gate.pass();
                look(file->inode());
            });
        }
        file = nullptr;
        room.remove("/looked_at");
    });
}
weak::Scenario asked{
    "who asks for locks finds the list whole", [](std::uint64_t seed) {
        beside_first_lock(seed, [](vfs::Inode& inode) {
            const vfs::RecordLockRequest request{vfs::LockType::exclusive, 0, 0, &inode};
            WEAK_CHECK(vfs::test_record_lock(inode, request).type == vfs::LockType::none);
        });
    }};
weak::Scenario given_back{"who gives locks back finds the list whole", [](std::uint64_t seed) {
                              beside_first_lock(seed, [](vfs::Inode& inode) {
                                  vfs::release_record_locks(inode, &inode);
                              });
                          }};

} // namespace
