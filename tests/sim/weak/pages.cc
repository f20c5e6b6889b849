// SPDX-License-Identifier: BSD-2-Clause
// Memory: frames with several owners, the bytes of files, identifiers of address spaces.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/machine.h>
#include <weak/runner.h>

#include <space_parts.h>

#include <drupe/arch/aarch64/asid.h>
#include <drupe/mm/frames.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/paged_file.h>

using namespace drupe;
using weak::FileRoom;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

void on_two(std::uint64_t seed, void (*main)(FileRoom&)) {
    weak::kernel::play(seed, 2, [main] { main(FileRoom::instance()); });
}

char& byte_of(PhysAddr frame) { return *static_cast<char*>(mm::phys_to_virt(frame)); }

weak::Scenario frame_owners{"a frame's last owner gives it away after all uses",
                            [](std::uint64_t seed) {
                                on_two(seed, [](FileRoom&) {
                                    const PhysAddr shared = mm::alloc_frames().value();
                                    byte_of(shared) = 1;
                                    mm::retain_frame(shared);
                                    Gate gate{2};
                                    Threads threads;
                                    for (unsigned cpu = 0; cpu < 2; ++cpu)
                                        threads.start(cpu, [&] {
                                            gate.pass();
                                            WEAK_CHECK(byte_of(shared) == 1);
                                            mm::release_frame(shared);
                                            const PhysAddr mine = mm::alloc_frames().value();
                                            byte_of(mine) = 2; // the same, perhaps
                                            mm::release_frame(mine);
                                        });
                                });
                            }};

weak::Scenario sole_owner{"a frame's only owner may write it", [](std::uint64_t seed) {
                              on_two(seed, [](FileRoom&) {
                                  const PhysAddr shared = mm::alloc_frames().value();
                                  byte_of(shared) = 1;
                                  mm::retain_frame(shared);
                                  Gate gate{2};
                                  Threads threads;
                                  threads.start(0, [&] {
                                      gate.pass();
                                      WEAK_CHECK(byte_of(shared) == 1);
                                      mm::release_frame(shared);
                                  });
                                  threads.start(1, [&] { // as a fault on a page that fork() shared
                                      gate.pass();
                                      while (!mm::is_exclusive(mm::frame_of(shared)))
                                          arch::cpu_relax();
                                      byte_of(shared) = 2;
                                      mm::release_frame(shared);
                                  });
                              });
                          }};

weak::Scenario zeros{"the page of zeros is zeros", [](std::uint64_t seed) {
                         on_two(seed, [](FileRoom&) {
                             mm::testing::forget_zero_frame();
                             Gate gate{2};
                             Threads threads;
                             for (unsigned cpu = 0; cpu < 2; ++cpu)
                                 threads.start(cpu, [&] {
                                     gate.pass();
                                     WEAK_CHECK(byte_of(mm::zero_frame()) == 0);
                                 });
                         });
                     }};

weak::Scenario grows{"a file's size comes after its bytes", [](std::uint64_t seed) {
                         on_two(seed, [](FileRoom& room) {
                             RefPtr<vfs::File> file = room.create("/grows");
                             Gate gate{2};
                             {
                                 Threads threads;
                                 threads.start(0, [&] {
                                     gate.pass();
                                     for (int i = 0; i < 2; ++i) FileRoom::put(*file, 'a');
                                 });
                                 threads.start(1, [&] {
                                     gate.pass();
                                     for (int i = 0; i < 6; ++i) {
                                         char bytes[2] = {};
                                         auto buffer = vfs::IoBuffer::kernel(bytes, 2);
                                         const std::size_t read = file->read_at(buffer, 0).value();
                                         for (std::size_t at = 0; at < read; ++at)
                                             WEAK_CHECK(bytes[at] == 'a');
                                     }
                                 });
                             }
                             room.remove("/grows");
                         });
                     }};

/// Three CPUs: one alone would have passed the barrier of a mutex between writing and cutting.
weak::Scenario cut{"a file that is cut shows what is left", [](std::uint64_t seed) {
                       weak::kernel::play(seed, 3, [] {
                           FileRoom& room = FileRoom::instance();
                           RefPtr<vfs::File> file = room.create("/cut");
                           // The lock of the time of access would order, too.
                           WEAK_CHECK(file->set_flags(vfs::open_no_atime).ok());
                           {
                               Gate gate{3};
                               Threads threads;
                               threads.start(0, [&] {
                                   char bytes[2] = {'a', 'a'};
                                   auto buffer = vfs::IoBuffer::kernel(bytes, 2);
                                   WEAK_CHECK(file->write(buffer).value() == 2);
                                   gate.pass();
                               });
                               threads.start(1, [&] {
                                   gate.pass();
                                   WEAK_CHECK(file->truncate(1).ok());
                               });
                               threads.start(2, [&] {
                                   gate.pass();
                                   char byte = 0;
                                   auto buffer = vfs::IoBuffer::kernel(&byte, 1);
                                   const std::size_t read = file->read_at(buffer, 0).value();
                                   WEAK_CHECK(read == 0 || byte == 'a');
                               });
                           }
                           room.remove("/cut");
                       });
                   }};

void lengthens(std::uint64_t seed, void (*lengthen)(vfs::File&)) {
    weak::kernel::play(seed, 2, [lengthen] {
        FileRoom& room = FileRoom::instance();
        RefPtr<vfs::File> file = room.create("/longer");
        for (int i = 0; i < 2; ++i) FileRoom::put(*file, 'a');
        WEAK_CHECK(file->truncate(1).ok());
        {
            Gate gate{2};
            Threads threads;
            threads.start(0, [&] {
                gate.pass();
                lengthen(*file);
            });
            threads.start(1, [&] {
                gate.pass();
                char bytes[2] = {};
                auto buffer = vfs::IoBuffer::kernel(bytes, 2);
                const std::size_t read = file->read_at(buffer, 0).value();
                WEAK_CHECK(bytes[0] == 'a' && (read == 1 || bytes[1] == 0));
            });
        }
        room.remove("/longer");
    });
}
weak::Scenario longer{"a file that is made longer shows zeros", [](std::uint64_t seed) {
                          lengthens(seed,
                                    [](vfs::File& file) { WEAK_CHECK(file.truncate(2).ok()); });
                      }};
weak::Scenario allocated{
    "a file that gets room shows zeros", [](std::uint64_t seed) {
        lengthens(seed, [](vfs::File& file) { WEAK_CHECK(file.allocate(0, 0, 2).ok()); });
    }};

weak::Scenario asids{
    "no two address spaces share an identifier on a CPU", [](std::uint64_t seed) {
        constexpr unsigned cpus = 3, spaces = 12;
        static arch::aarch64::AsidAllocator<cpus> allocator;
        allocator.init(3); // seven identifiers: generations turn all the time
        arch::aarch64::AsidContext contexts[spaces];
        const auto run = [&](unsigned cpu) {
            int owner[8]; // whose entries this CPU's TLB holds
            std::fill_n(owner, 8, -1);
            for (unsigned round = 0; round < 6; ++round) {
                const auto space = static_cast<int>((round * (cpu + 1) + cpu) % spaces);
                const std::uint16_t asid =
                    allocator.activate(contexts[space], cpu, [&] { std::fill_n(owner, 8, -1); });
                WEAK_CHECK(asid != 0 && (owner[asid] == -1 || owner[asid] == space));
                owner[asid] = space;
            }
        };
        weak::Machine::instance().run(seed, {[&] { run(0); }, [&] { run(1); }, [&] { run(2); }});
    }};

} // namespace
