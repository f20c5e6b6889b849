// SPDX-License-Identifier: BSD-2-Clause
// The driver of NVM Express against a controller that a test plays.
#include <drupe/arch/host/machine.h>
#include <drupe/block/device.h>
#include <drupe/drivers/binder.h>
#include <drupe/drivers/pci.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/time/clock.h>
#include <support/fake_nvme.h>
#include <support/fake_pci.h>
#include <support/test_memory.h>

#include <memory>

using namespace drupe;
using block::Operation;
using drivers::DeviceNode;

// A driver that was bound lives for ever; what a failed probe left would not be seen either.
extern "C" const char* __lsan_default_suppressions() { return "leak:make_own<drupe::"; }

namespace {

constexpr std::uint64_t config_at = 0x30000000, low_at = 0x10000000;

struct FakeChip final : irq::IrqChip {
    irq::IrqNumber pending = irq::no_interrupt;
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    irq::IrqNumber acknowledge() override { return std::exchange(pending, irq::no_interrupt); }
    void end(irq::IrqNumber) override {}
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
} chip;

struct FakeMessages final : irq::MessageController {
    std::uint32_t next = irq::first_message;
    Result<void> add_device(std::uint32_t, unsigned) override { return {}; }
    Result<irq::Message> allocate(std::uint32_t, unsigned index) override {
        return irq::Message{PhysAddr{0x8080040}, index, irq::IrqNumber{next++}};
    }
} messages;

struct Machine {
    test::FakePci bus{12, 1};
    test::FakeProperties properties;
    test::FakeNvme nvme;
    DeviceNode host{};
};
Machine* machine = nullptr;
drivers::Device* device = nullptr;

Result<volatile void*> map(PhysAddr at, std::uint64_t) {
    if (raw(at) >= config_at)
        return static_cast<volatile char*>(machine->bus.base()) + (raw(at) - config_at);
    return static_cast<volatile char*>(machine->nvme.base()) + raw(at) % 0x4000;
}

struct Rig {
    testing::TestMemory memory{4096};
    test::FakeNvme* nvme;
    test::FakeFunction* function;
    std::uint32_t first_interrupt = 0;
    char* data; // sixteen pages
    block::BlockDevice* disk = nullptr;

    explicit Rig(unsigned vectors) {
        static std::vector<std::unique_ptr<Machine>> all; // what was bound may look at its own
        static const bool once = (
            irq::install_chip(chip), messages.handle = 9, irq::add_message_controller(messages),
            time::init(),
            arch::host::machine.on_pause = [](bool) { arch::host::machine.clock += 50'000'000; },
            true);
        static_cast<void>(once);
        machine = all.emplace_back(std::make_unique<Machine>()).get();
        nvme = &machine->nvme;
        boot_cpu_core.index = 0;
        data = static_cast<char*>(mm::phys_to_virt(mm::alloc_frames(4).value()));
        function = &machine->bus.functions.emplace_back(1u, 0u, 0x00101b36u);
        auto& f = *function;
        f.words[2] = 0x01080200;
        f.words[0xf] = 1u << 8;
        f.words[1] = 0x100000;
        f.words[0xd] = 0x40;
        f.words[0x10] = vectors ? (vectors - 1) << 16 | 0x11 : 0;
        f.writable[0x10] = 0xc0000000;
        f.words[0x11] = 0x3000; // the table
        f.bar(0, 0x4000, 4);
    }
    ~Rig() { boot_cpu_core.index = 0; }
    bool start() {
        DeviceNode& host = machine->host;
        host.name = "pci";
        host.compatible = "pci-host-ecam-generic";
        host.regions[0] = {PhysAddr{config_at}, 1 << 20};
        host.region_count = 1;
        host.bus_cells = 2;
        host.source = &machine->properties;
        machine->properties.cells("ranges", {0x02000000, 0, low_at, 0, low_at, 0, 0x8000000});
        machine->properties.cells("msi-map", {0, 9, 0, 0x10000});
        device = nullptr;
        first_interrupt = messages.next;
        drivers::Binder binder(map, [](OwnPtr<drivers::Device> made) { device = made.leak(); });
        binder.emit(host);
        binder.finish();
        disk = device ? device->block(0) : nullptr;
        return device != nullptr;
    }
    void interrupt(unsigned queue = 0) {
        chip.pending = irq::IrqNumber{first_interrupt + queue};
        irq::dispatch();
    }
    bool masters_the_bus() const { return (function->words[1] & 4) != 0; }
};

struct Job : block::Request {
    std::vector<block::Segment> parts;
    int done_count = 0;
    Job(Operation what, std::uint64_t at, std::vector<std::pair<char*, std::uint32_t>> memory) {
        operation = what;
        sector = at;
        for (auto [from, bytes] : memory) parts.push_back({mm::virt_to_phys(from), bytes});
        segments = parts;
        done = [](block::Request& r) { static_cast<Job&>(r).done_count++; };
    }
    bool is(Errc due) const { return done_count == 1 && outcome == due; }
};

} // namespace

TEST_CASE("nvme: the controller comes up, and says what its disks are") {
    const unsigned vectors = GENERATE(0u, 1u, 4u, 32u);
    Rig rig(vectors);
    rig.nvme->disks[7].block_shift = 12;
    rig.nvme->disks[9].metadata = 8; // of no use
    REQUIRE(rig.start());
    CHECK(rig.masters_the_bus());
    CHECK(rig.nvme->made_queues == std::clamp(vectors, 1u, 8u));
    CHECK(rig.nvme->masks == 0);
    const block::Limits& limits = rig.disk->limits();
    CHECK(rig.disk->name().substr(0, 4) == "nvme");
    CHECK(rig.disk->name().substr(rig.disk->name().size() - 2) == "n1");
    CHECK(limits.sectors == 2048);
    CHECK(limits.block_bytes == 512);
    CHECK(limits.segments == 32);
    CHECK(limits.segment_bytes == 32 * 4096);
    CHECK_FALSE(limits.is_read_only);
    block::BlockDevice* second = device->block(1);
    REQUIRE(second);
    CHECK(second->limits().block_bytes == 4096);
    CHECK(second->limits().sectors == 2048);
    CHECK(device->block(2) == nullptr);
    Job within(Operation::read, 4, {{rig.data, 4096}}); // of the second's blocks
    second->submit(within);
    CHECK(within.is(Errc::invalid));
}

TEST_CASE("nvme: data goes where it should, however its pages lie") {
    Rig rig(GENERATE(0u, 1u));
    const bool is_line = rig.function->words[0x10] == 0;
    REQUIRE(rig.start());
    if (is_line) rig.first_interrupt = 33;
    std::string& content = rig.nvme->disks[1].content;
    for (std::size_t i = 0; i < content.size(); i++) content[i] = static_cast<char>(i * 7 / 512);
    using Memory = std::vector<std::pair<unsigned, std::uint32_t>>; // where within rig.data
    const auto [sector, places] = GENERATE(table<std::uint64_t, Memory>({
        {0, {{0, 512}}},
        {3, {{1024, 512}}},
        {3, {{3584, 1024}}},
        {8, {{0, 4096}, {8192, 4096}}},
        {8, {{512, 3584}, {8192, 4096}, {16384, 512}}},
        {100, {{0, 8 * 4096}}},
        {100, {{1024, 8 * 4096}}},
        {9, {{0, 4096}, {12288, 4096}, {4096, 4096}, {20480, 1536}}},
    }));
    std::vector<std::pair<char*, std::uint32_t>> memory;
    for (auto [at, bytes] : places) memory.emplace_back(rig.data + at, bytes);
    Job read(Operation::read, sector, memory);
    rig.disk->submit(read);
    CHECK(read.done_count == 0);
    rig.interrupt();
    REQUIRE(read.is(Errc::ok));
    std::size_t at = sector * 512;
    for (auto [from, bytes] : memory) {
        CHECK(std::memcmp(from, &content[at], bytes) == 0);
        std::memset(from, 'w', bytes);
        at += bytes;
    }
    std::string due = content;
    due.replace(sector * 512, at - sector * 512, at - sector * 512, 'w');
    Job write(Operation::write, sector, memory);
    rig.disk->submit(write);
    rig.interrupt();
    CHECK(write.is(Errc::ok));
    CHECK(content == due);
}

TEST_CASE("nvme: what a command cannot express is refused") {
    Rig rig(1);
    rig.nvme->transfer_exponent = 2;
    REQUIRE(rig.start());
    CHECK(rig.disk->limits().segments == 4);
    CHECK(rig.disk->limits().segment_bytes == 16384);
    char* const d = rig.data;
    for (const auto& memory : std::vector<std::vector<std::pair<char*, std::uint32_t>>>{
             {{d, 512}, {d + 4096, 4096}}, // a gap in the middle
             {{d, 4096}, {d + 4608, 512}},
             {{d, 5 * 4096}},
             {{d, 100}},
             {{d + 1, 512}}}) {
        Job job(Operation::write, 0, memory);
        rig.disk->submit(job);
        CHECK(job.is(Errc::invalid));
    }
    CHECK(rig.nvme->opcodes.empty());
}

TEST_CASE("nvme: flush, discard and zeroes; what each status means") {
    Rig rig(1);
    REQUIRE(rig.start());
    std::string due = rig.nvme->disks[1].content;
    Job flush(Operation::flush, 0, {}), discard(Operation::discard, 5, {});
    Job zeroes(Operation::write_zeroes, 64, {});
    discard.sectors = 3, zeroes.sectors = 10;
    for (Job* job : {&flush, &discard, &zeroes}) {
        rig.disk->submit(*job);
        rig.interrupt();
        CHECK(job->is(Errc::ok));
    }
    CHECK(rig.nvme->opcodes == std::vector<unsigned>{0, 9, 8});
    due.replace(5 * 512, 3 * 512, 3 * 512, '\0').replace(64 * 512, 10 * 512, 10 * 512, '\0');
    CHECK(rig.nvme->disks[1].content == due);
    const auto [status, meaning] =
        GENERATE(table<std::uint16_t, Errc>({{0x281, Errc::io},
                                             {0x001, Errc::not_supported},
                                             {0x020, Errc::read_only},
                                             {0x182, Errc::read_only},
                                             {0x081, Errc::no_space},
                                             {0x7ff, Errc::io}}));
    rig.nvme->status = status;
    Job failed(Operation::read, 0, {{rig.data, 512}});
    rig.disk->submit(failed);
    rig.interrupt();
    CHECK(failed.is(meaning));
}

TEST_CASE("nvme: without a cache nothing is flushed; a protected disk is not written to") {
    Rig rig(1);
    rig.nvme->has_cache = false;
    rig.nvme->disks[1].is_protected = true;
    REQUIRE(rig.start());
    Job flush(Operation::flush, 0, {}), write(Operation::write, 0, {{rig.data, 512}});
    rig.disk->submit(flush);
    CHECK(flush.is(Errc::ok));
    rig.disk->submit(write);
    CHECK(write.is(Errc::read_only));
    CHECK(rig.nvme->opcodes.empty());
}

TEST_CASE("nvme: each CPU has a queue and its interrupt; more requests than fit wait") {
    Rig rig(4);
    REQUIRE(rig.start());
    rig.nvme->holds = true;
    std::deque<Job> jobs;
    for (unsigned i = 0; i < 200; i++) {
        boot_cpu_core.index = i % 2 ? 6 : 1; // the third and the second queue
        jobs.emplace_back(Operation::read, i, std::vector{std::pair{rig.data, 512u}});
        rig.disk->submit(jobs.back());
    }
    CHECK(rig.nvme->most_under_way == 62);
    for (int round = 0; round < 4; round++) {
        rig.nvme->work();
        rig.interrupt(1);
        rig.interrupt(2);
    }
    for (Job& job : jobs) CHECK(job.is(Errc::ok));
    CHECK(std::count(rig.nvme->queues.begin(), rig.nvme->queues.end(), 2) == 100);
    CHECK(std::count(rig.nvme->queues.begin(), rig.nvme->queues.end(), 3) == 100);
}

TEST_CASE("nvme: when the controller lies, all that it has fails, and what comes later") {
    Rig rig(2);
    REQUIRE(rig.start());
    rig.nvme->holds = true;
    std::deque<Job> jobs;
    for (unsigned i = 0; i < 100; i++) {
        boot_cpu_core.index = i % 2;
        jobs.emplace_back(Operation::read, i, std::vector{std::pair{rig.data, 512u}});
        rig.disk->submit(jobs.back());
    }
    const std::uint16_t id = rig.nvme->held.front().command.id;
    rig.nvme->complete(1, id, 0);
    // None of its commands; one that was done; one beyond all.
    rig.nvme->complete(1, GENERATE_COPY(std::uint16_t{31}, id, std::uint16_t{0xffff}), 0);
    // The first completion makes room for a waiting request, which may have the number again.
    rig.interrupt();
    rig.interrupt();
    if (rig.nvme->is_enabled()) { // that one was believed, for its number was in use
        rig.nvme->complete(1, 4711, 0);
        rig.interrupt();
    }
    CHECK_FALSE(rig.nvme->is_enabled());
    CHECK_FALSE(rig.masters_the_bus());
    unsigned failed = 0;
    for (Job& job : jobs) {
        CHECK(job.done_count == 1);
        failed += job.outcome == Errc::io;
    }
    CHECK(failed >= 98);
    Job late(Operation::read, 0, {{rig.data, 512}});
    rig.disk->submit(late);
    CHECK(late.is(Errc::io));
}

TEST_CASE("nvme: a controller that does not answer is reset, and goes on") {
    Rig rig(GENERATE(0u, 2u));
    REQUIRE(rig.start());
    rig.nvme->holds = true;
    std::deque<Job> jobs;
    for (unsigned i = 0; i < 40; i++) {
        jobs.emplace_back(Operation::read, i, std::vector{std::pair{rig.data, 512u}});
        rig.disk->submit(jobs.back());
    }
    const unsigned resets = rig.nvme->resets;
    rig.nvme->holds = false;
    rig.nvme->never_ready = GENERATE(false, true);
    rig.nvme->is_deaf = GENERATE(false, true);
    rig.disk->recover(jobs[3]);
    const bool is_up = !rig.nvme->never_ready && !rig.nvme->is_deaf;
    CHECK(rig.nvme->resets >= resets + 1);
    CHECK(rig.nvme->is_enabled() == is_up);
    for (unsigned i = 0; i < 31; i++) CHECK(jobs[i].is(Errc::io));
    if (is_up) {
        if (rig.function->words[0x10] == 0) rig.first_interrupt = 33;
        rig.interrupt();
        for (unsigned i = 31; i < 40; i++) CHECK(jobs[i].is(Errc::ok)); // they had waited
        rig.disk->recover(jobs[3]);                                     // done long ago
        CHECK(rig.nvme->resets == resets + 1);
    } else {
        for (unsigned i = 31; i < 40; i++) CHECK(jobs[i].is(Errc::io));
    }
    Job late(Operation::read, 0, {{rig.data, 512}});
    rig.disk->submit(late);
    if (is_up) rig.interrupt();
    CHECK(late.is(is_up ? Errc::ok : Errc::io));
}

TEST_CASE("nvme: a controller that cannot be driven is left out, and masters nothing") {
    Rig rig(2);
    test::FakeNvme& nvme = *rig.nvme;
    switch (GENERATE(range(0, 8))) {
    case 0: nvme.never_ready = true; break;
    case 1: nvme.is_gone = true; break;
    case 2: nvme.is_deaf = true; break;
    case 3: nvme.admin_id_error = 1; break;
    case 4: nvme.capabilities &= ~(1ull << 37); break; // other commands
    case 5: nvme.capabilities |= 1ull << 48; break;    // pages of 8192 at least
    case 6: nvme.capabilities &= ~0x3full; break;      // queues of one entry
    case 7: nvme.capabilities |= 0xfull << 32; break;  // doorbells beyond its registers
    }
    CHECK_FALSE(rig.start());
    CHECK_FALSE(rig.masters_the_bus());
}
