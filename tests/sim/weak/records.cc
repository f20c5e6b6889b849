// SPDX-License-Identifier: BSD-2-Clause
// Records that are made known once, and devices that have one user after the other.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/share/device.h>
#include <drupe/vfs/generated_file.h>

using namespace drupe;
using weak::kernel::Gate;
using weak::kernel::Threads;

namespace {

struct Unused final : share::Device {
    share::Protocol protocol() const override { return share::Protocol::fuse; }
    std::string_view tag() const override { return "unused"; }
    std::uint32_t most_pieces() const override { return 1; }
    void submit(share::Exchange&) override {}
};

weak::Scenario claimed{"who gets a device sees what the user before did", [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               Unused device;
                               unsigned uses = 0;
                               {
                                   Gate gate{2};
                                   Threads threads;
                                   for (unsigned cpu = 0; cpu < 2; ++cpu)
                                       threads.start(cpu, [&] {
                                           gate.pass();
                                           while (!device.claim()) arch::cpu_relax();
                                           ++uses;
                                           device.give_back();
                                       });
                               }
                               WEAK_CHECK(uses == 2);
                           });
                       }};

void write_nothing(FormatSink&) {}

/// By itself: inlined, its load and that of begin() become one instruction.
[[gnu::noinline]] const vfs::GeneratedFile* behind(const vfs::GeneratedFile& file) {
    return file.following();
}

/// The second of two records meets one who walks.
void register_beside(std::uint64_t seed, bool is_first) {
    weak::kernel::play(seed, 2, [is_first] {
        vfs::GeneratedTree tree;
        vfs::GeneratedFile before{"before", write_nothing}, fresh{nullptr, nullptr};
        if (!is_first) vfs::register_file(tree, before);
        Gate gate{2};
        Threads threads;
        threads.start(0, [&] {
            gate.pass();
            fresh.path = "fresh";
            fresh.write = write_nothing;
            vfs::register_file(tree, fresh);
        });
        threads.start(1, [&] {
            gate.pass();
            for (unsigned round = 0; round < 4; ++round)
                for (const vfs::GeneratedFile* at = tree.begin(); at; at = behind(*at))
                    WEAK_CHECK(at->path && at->write == write_nothing);
        });
    });
}
weak::Scenario first_record{"the first file of /proc is found whole",
                            [](std::uint64_t seed) { register_beside(seed, true); }};
weak::Scenario next_record{"the next file of /proc is found whole",
                           [](std::uint64_t seed) { register_beside(seed, false); }};

} // namespace
