// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/trace/counter.h>
#include <drupe/trace/ring.h>

#include <string>

using namespace drupe;

DRUPE_COUNTER(apples, "test.apples");
DRUPE_COUNTER(pears, "test.pears");

TEST_CASE("counters count and are found by name") {
    apples.add();
    apples.add(4);
    pears.add();
    std::uint64_t found = 0;
    for (const trace::Counter* counter : trace::all_counters()) {
        if (counter->name() == "test.apples") found += counter->value();
        if (counter->name() == "test.pears") found += 100 * counter->value();
    }
    CHECK(found == 105);
}

static int evaluated = 0;
static int evaluate() { return ++evaluated; }

static std::string text_of(const trace::Record& record) {
    char buffer[128];
    BufferSink sink(buffer);
    trace::print(sink, record);
    return std::string(sink.text());
}

TEST_CASE("a trace point that is off evaluates nothing; on, the newest records stay") {
    static trace::Record records[4];
    trace::attach_ring(0, records);
    trace::Record out[8];
    DRUPE_TRACE(irq, "take {}", evaluate());
    CHECK(evaluated == 0);
    CHECK(trace::snapshot(0, out) == 0);

    trace::enabled_categories = static_cast<std::uint32_t>(trace::Category::irq);
    DRUPE_TRACE(irq, "plain");
    for (int i = 0; i < 5; i++) DRUPE_TRACE(irq, "take {} of {:#x}", i, 0x10u);
    DRUPE_TRACE(mm, "other category {}", evaluate());
    trace::enabled_categories = 0;
    CHECK(evaluated == 0);
    REQUIRE(trace::snapshot(0, out) == 4);
    CHECK(text_of(out[0]) == "[    0.000000] take 1 of 0x10\n");
    CHECK(text_of(out[3]) == "[    0.000000] take 4 of 0x10\n");
    CHECK(trace::snapshot(1, out) == 0);
    CHECK(trace::snapshot(DRUPE_MAX_CPUS, out) == 0);
}
