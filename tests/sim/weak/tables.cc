// SPDX-License-Identifier: BSD-2-Clause
// Things that one CPU publishes and others use without a lock.
#include <weak/kernel.h>
#include <weak/machine.h>
#include <weak/runner.h>

#include <drupe/base/made_once.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/irq/irq_chip.h>
#include <drupe/trace/log.h>

#include <atomic>

using namespace drupe;
using weak::kernel::Threads;

namespace {

void play(std::uint64_t seed, const std::vector<std::function<void()>>& cpus) {
    weak::Machine::instance().run(seed, cpus);
}

struct Counted : RefCounted<Counted> {
    static void destroy(Counted* self) { delete self; }
    int uses = 0;
};

weak::Scenario last_reference{
    "the last reference goes after all uses", [](std::uint64_t seed) {
        auto object = RefPtr<Counted>::adopt(new Counted);
        int uses[2] = {};
        auto drop = [&uses](RefPtr<Counted> mine, int self) {
            uses[self] += mine->uses; // before somebody else deletes it
            mine = nullptr;
        };
        RefPtr<Counted> other = object;
        play(seed, {[&] { drop(std::move(object), 0); }, [&] { drop(std::move(other), 1); }});
    }};

weak::Scenario released_last{"who releases last sees all uses", [](std::uint64_t seed) {
                                 auto* object = new Counted;
                                 object->retain();
                                 const auto drop = [object] {
                                     [[maybe_unused]] const int seen = object->uses;
                                     if (object->release_is_last()) delete object;
                                 };
                                 play(seed, {drop, drop});
                             }};

weak::Scenario left_alone{"who finds itself the only owner sees all uses", [](std::uint64_t seed) {
                              auto object = RefPtr<Counted>::adopt(new Counted);
                              RefPtr<Counted> other = object;
                              play(seed, {[&] {
                                              other->uses = 1;
                                              other = nullptr;
                                          },
                                          [&] {
                                              while (object->use_count() != 1) {}
                                              WEAK_CHECK(object->uses == 1);
                                          }});
                          }};

weak::Scenario made_once{"who makes a thing second uses the first one's", [](std::uint64_t seed) {
                             MadeOnce<Counted> made;
                             int uses[2] = {};
                             const auto use = [&](int self) {
                                 uses[self] = made.get_or_make().value()->uses;
                             };
                             play(seed, {[&] { use(0); }, [&] { use(1); }});
                             delete made.get();
                         }};

/// One interrupt that comes again and again.
class RepeatingChip final : public irq::IrqChip {
public:
    const char* name() const override { return "repeating"; }
    Result<void> init_cpu() override { return {}; }
    irq::IrqNumber acknowledge() override { return pending-- > 0 ? number : irq::no_interrupt; }
    void end(irq::IrqNumber) override {}
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
    irq::IrqNumber number{0};
    int pending = 0;
};

weak::Scenario handler{"an interrupt finds its handler whole",
                       [](std::uint64_t seed) {
                           static RepeatingChip chip;
                           static int handled;
                           irq::install_chip(chip);
                           chip.number = irq::IrqNumber{40};
                           chip.pending = 20;
                           weak::kernel::play(seed, 2, [] {
                               weak::kernel::Gate gate{2};
                               Threads threads;
                               threads.start(0, [&] {
                                   gate.pass();
                                   (void)irq::attach(
                                       chip.number, irq::Trigger::level,
                                       [](void* count) { ++*static_cast<int*>(count); }, &handled);
                               });
                               threads.start(1, [&] {
                                   gate.pass();
                                   irq::dispatch();
                                   if (irq::in_use() != 0)
                                       WEAK_CHECK(irq::number_of(0) == chip.number);
                               });
                           });
                       },
                       weak::Scenario::Process::one_seed};

weak::Scenario log_lines{"the log's lines come whole", [](std::uint64_t seed) {
                             weak::kernel::play(seed, 2, [] {
                                 weak::kernel::Gate gate{2};
                                 Threads threads;
                                 for (unsigned cpu = 0; cpu < 2; ++cpu)
                                     threads.start(cpu, [&] {
                                         gate.pass();
                                         log(LogLevel::debug, "a line");
                                     });
                             });
                         }};

} // namespace
