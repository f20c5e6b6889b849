// SPDX-License-Identifier: BSD-2-Clause
// A descriptor table that several threads use: files are looked up without its lock.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/vfs/event_file.h>
#include <drupe/vfs/fd_table.h>

using namespace drupe;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

constexpr std::uint64_t limit = 1024;

RefPtr<vfs::File> event_file() {
    return vfs::create_event_file(0, vfs::EventReads::all, vfs::open_nonblock).value();
}

/// `change` is what one thread does to a table that another one, `look`, uses, too.
template <class Change, class Look>
void on_two(std::uint64_t seed, Change change, Look look) {
    weak::kernel::play(seed, 2, [=] {
        FileRoom::instance();
        auto table = vfs::FdTable::create().value();
        auto other = table;
        WEAK_CHECK(table->install(event_file(), false, limit).value() == 0);
        Gate gate{2};
        Threads threads;
        threads.start(0, [&, table = std::move(table)]() mutable {
            gate.pass();
            change(*table);
            table = nullptr;
        });
        threads.start(1, [&, other = std::move(other)]() mutable {
            gate.pass();
            look(*other);
            other = nullptr;
        });
    });
}

weak::Scenario closed{"a file that is closed goes after all looks at it", [](std::uint64_t seed) {
                          on_two(
                              seed, [](vfs::FdTable& table) { WEAK_CHECK(table.close(0).ok()); },
                              [](vfs::FdTable& table) {
                                  while (vfs::FileRef file = table.get(0)) file->poll(nullptr);
                              });
                      }};

weak::Scenario replaced{"a number always leads to one of its files", [](std::uint64_t seed) {
                            on_two(
                                seed,
                                [](vfs::FdTable& table) {
                                    for (int i = 0; i < 2; ++i)
                                        WEAK_CHECK(
                                            table.install_at(0, event_file(), false, limit).ok());
                                },
                                [](vfs::FdTable& table) {
                                    for (int i = 0; i < 4; ++i) {
                                        vfs::FileRef file = table.get(0);
                                        WEAK_CHECK(file.get() != nullptr);
                                        file->poll(nullptr);
                                    }
                                });
                        }};

weak::Scenario installed{"a file that is found is complete", [](std::uint64_t seed) {
                             on_two(
                                 seed,
                                 [](vfs::FdTable& table) {
                                     WEAK_CHECK(table.install(event_file(), false, limit).value() ==
                                                1);
                                 },
                                 [](vfs::FdTable& table) {
                                     for (;;)
                                         if (vfs::FileRef file = table.get(1)) {
                                             file->poll(nullptr);
                                             break;
                                         }
                                 });
                         }};

weak::Scenario reserved{"a file that is put where room was kept is complete",
                        [](std::uint64_t seed) {
                            on_two(
                                seed,
                                [](vfs::FdTable& table) {
                                    const std::uint32_t kept = table.reserve(false, limit).value();
                                    table.fill(kept, event_file());
                                },
                                [](vfs::FdTable& table) {
                                    for (;;)
                                        if (vfs::FileRef file = table.get(1)) {
                                            file->poll(nullptr);
                                            break;
                                        }
                                });
                        }};

void look_until_grown(vfs::FdTable& table, std::uint32_t new_number) {
    for (bool found = false; !found;) {
        found = table.get(new_number).get() != nullptr;
        vfs::FileRef file = table.get(0);
        WEAK_CHECK(file.get() != nullptr);
        file->poll(nullptr);
    }
}

weak::Scenario grown{"a table that grows keeps its files", [](std::uint64_t seed) {
                         on_two(
                             seed,
                             [](vfs::FdTable& table) {
                                 WEAK_CHECK(table.install_at(64, event_file(), false, limit).ok());
                             },
                             [](vfs::FdTable& table) { look_until_grown(table, 64); });
                     }};

weak::Scenario outgrown{
    "a table's old array goes after all looks at it", [](std::uint64_t seed) {
        on_two(
            seed,
            [](vfs::FdTable& table) {
                for (std::uint32_t number : {64u, 128u})
                    WEAK_CHECK(table.install_at(number, event_file(), false, limit).ok());
            },
            [](vfs::FdTable& table) { look_until_grown(table, 128); });
    }};

} // namespace
