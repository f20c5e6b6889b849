// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/aarch64/asid.h>

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <set>
#include <vector>

using namespace drupe::arch::aarch64;

namespace {

// CPUs whose TLBs remember which space filled them under which ASID.
struct Machine {
    static constexpr unsigned cpus = 4;
    AsidAllocator<cpus> asids;
    std::vector<std::unique_ptr<AsidContext>> spaces;
    std::vector<std::vector<int>> tlb{cpus, std::vector<int>(256, -1)};
    std::vector<int> running = std::vector<int>(cpus, -1);
    unsigned flushes = 0;

    explicit Machine(int count) {
        asids.init(8);
        for (int i = 0; i < count; i++) spaces.push_back(std::make_unique<AsidContext>());
    }
    void run(unsigned cpu, int space) {
        const unsigned asid = asids.activate(*spaces[static_cast<std::size_t>(space)], cpu, [&] {
            flushes++;
            std::fill(tlb[cpu].begin(), tlb[cpu].end(), -1);
        });
        running[cpu] = space;
        REQUIRE(asid != 0);
        REQUIRE(asid < 256);
        // What is cached under this ASID is this space's own.
        REQUIRE((tlb[cpu][asid] == -1 || tlb[cpu][asid] == space));
        touch();
    }
    // Every CPU goes on using the space it runs.
    void touch() {
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            if (running[cpu] < 0) continue;
            const auto& context = *spaces[static_cast<std::size_t>(running[cpu])];
            int& cached = tlb[cpu][asids.asid(context.value.load())];
            REQUIRE((cached == -1 || cached == running[cpu]));
            cached = running[cpu];
        }
    }
};

} // namespace

TEST_CASE("no CPU ever meets another space's translations under an ASID") {
    Machine machine(700);
    std::mt19937 random(GENERATE(1u, 2u, 3u, 4u));
    for (int i = 0; i < 20000; i++)
        machine.run(random() % Machine::cpus, static_cast<int>(random() % machine.spaces.size()));
    CHECK(machine.flushes > Machine::cpus); // generations turned
}

TEST_CASE("while ASIDs last, switching flushes nothing but each CPU once") {
    Machine machine(200);
    for (int round = 0; round < 10; round++)
        for (int space = 0; space < 200; space++)
            machine.run(static_cast<unsigned>(space) % Machine::cpus, space);
    CHECK(machine.flushes <= Machine::cpus);
}
