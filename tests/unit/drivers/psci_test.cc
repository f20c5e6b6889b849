// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/hypercall.h>
#include <drupe/drivers/psci.h>

#include <vector>

using namespace drupe;
using drivers::Conduit;
namespace psci = drivers::psci;

namespace {

struct Call {
    arch::host::Conduit conduit;
    std::uint64_t function, a, b, c;
    bool operator==(const Call&) const = default;
};
std::vector<Call> calls;
std::uint64_t answer;

std::uint64_t firmware(arch::host::Conduit conduit, std::uint64_t function, std::uint64_t a,
                       std::uint64_t b, std::uint64_t c) {
    calls.push_back({conduit, function, a, b, c});
    return answer;
}

struct Attached {
    Attached() {
        calls.clear();
        answer = 0;
        arch::host::firmware = firmware;
    }
    ~Attached() { arch::host::firmware = nullptr; }
};

} // namespace

TEST_CASE("PSCI: the conduit decides the instruction, and without one nothing is called") {
    Attached attached;
    answer = 0x10001;
    CHECK(psci::version(Conduit::hvc).value().minor == 1);
    CHECK(psci::version(Conduit::smc).value().major == 1);
    CHECK(calls[0] == Call{arch::host::Conduit::hvc, 0x84000000, 0, 0, 0});
    CHECK(calls[1].conduit == arch::host::Conduit::smc);
    CHECK(psci::version(Conduit::none).error() == Errc::not_supported);
    CHECK(psci::system_off(Conduit::none).error() == Errc::not_supported);
    CHECK(calls.size() == 2);
}

TEST_CASE("PSCI: a CPU is started, and each refusal has its reason") {
    Attached attached;
    const auto start = [] {
        return psci::cpu_on(Conduit::hvc, 0x101, PhysAddr{0x40000000}, 7).error();
    };
    CHECK(start() == Errc::ok);
    CHECK(calls[0] == Call{arch::host::Conduit::hvc, 0xc4000003, 0x101, 0x40000000, 7});
    const std::pair<std::int32_t, Errc> refusals[] = {
        {-1, Errc::not_supported}, {-2, Errc::no_device}, {-4, Errc::busy},
        {-5, Errc::busy},          {-6, Errc::io},        {-9, Errc::io}};
    for (auto [code, errc] : refusals) {
        answer = static_cast<std::uint32_t>(code); // a 32-bit answer: upper half unspecified
        CHECK(start() == errc);
    }
}

TEST_CASE("PSCI: power-off and reset that return have failed") {
    Attached attached;
    answer = static_cast<std::uint64_t>(-1);
    CHECK(psci::system_off(Conduit::smc).error() == Errc::io);
    CHECK(psci::system_reset(Conduit::smc).error() == Errc::io);
    CHECK(calls[0].function == 0x84000008);
    CHECK(calls[1].function == 0x84000009);
}
