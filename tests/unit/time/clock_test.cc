// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/host/machine.h>
#include <drupe/time/clock.h>
#include <drupe/time/vdso_data.h>

#include <random>

using namespace drupe;
namespace host = arch::host;

namespace {

/// A counter of another frequency than the simulator's.
void set_frequency(std::uint64_t frequency) {
    host::reset();
    host::machine.ticks_per_second = frequency;
    host::machine.clock = 12'345;
    time::init();
}

/// What a program's clock function does with the published data.
std::int64_t read_published(const time::VdsoClock& clock) {
    __extension__ typedef unsigned __int128 Wide;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(
               Wide{host::machine.clock - clock.base_ticks} * clock.mult >> clock.shift)) +
           clock.wall_offset.load();
}

} // namespace

TEST_CASE("monotonic time begins at zero and counts nanoseconds for any frequency") {
    for (std::uint64_t frequency : {1'000'000ull, 19'200'000ull, 24'000'000ull, 54'000'000ull,
                                    62'500'000ull, 100'000'000ull, 1'000'000'000ull}) {
        set_frequency(frequency);
        CHECK(time::now().ns == 0);
        host::machine.clock += frequency;
        CHECK(std::abs(time::now().ns - 1'000'000'000) <= 1);
        host::machine.clock += frequency * 86'400 * 365; // a year on: drift under a millisecond
        CHECK(std::abs(time::now().ns - 31'536'001'000'000'000) < 1'000'000'000);
    }
    host::reset();
}

TEST_CASE("a deadline's tick is never before the deadline, and two ticks after at most") {
    std::mt19937_64 random(7);
    for (std::uint64_t frequency :
         {19'200'000ull, 24'000'000ull, 62'500'000ull, 1'000'000'000ull}) {
        set_frequency(frequency);
        for (int i = 0; i < 1000; ++i) {
            const Nanos deadline{1000 +
                                 static_cast<std::int64_t>(random() >> (random() % 44 + 12))};
            host::machine.clock = time::deadline_to_ticks(deadline);
            REQUIRE(time::now() >= deadline);
            host::machine.clock -= 3;
            REQUIRE(time::now() < deadline);
        }
    }
    host::reset();
}

TEST_CASE("a deadline beyond the counter's range is its end, one in the past its beginning") {
    set_frequency(1'000'000'000);
    CHECK(time::deadline_to_ticks(Nanos::never()) > std::uint64_t{1} << 62);
    CHECK(time::deadline_to_ticks({-5}) == 12'345);
    host::reset();
}

TEST_CASE("setting the wall clock moves it and not the monotonic one") {
    set_frequency(62'500'000);
    host::machine.clock += 1'000'000;
    const Nanos before = time::now();
    time::set_wall(Nanos::from_seconds(1'700'000'000));
    CHECK(time::wall() == Nanos::from_seconds(1'700'000'000));
    CHECK(time::now() == before);
    host::machine.clock += 62'500'000;
    CHECK(time::wall() == Nanos::from_seconds(1'700'000'001));
    host::reset();
}

TEST_CASE("published clock data agree with the kernel, also after the clock was set") {
    set_frequency(24'000'000);
    static time::VdsoClock published{};
    time::set_wall(Nanos::from_seconds(5));
    time::publish_to(published);
    host::machine.clock += 987'654;
    CHECK(read_published(published) == time::wall().ns);
    time::set_wall(Nanos::from_seconds(1'000'000));
    CHECK(read_published(published) == time::wall().ns);
    host::reset();
}
