// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/aarch64/signal_layout.h>

#include <cstring>
#include <random>
#include <vector>

using namespace drupe;
using namespace drupe::arch::aarch64;

namespace {

/// A program's memory from `base` on.
struct Memory {
    static constexpr std::uint64_t base = 0x7000'0000;
    std::vector<std::uint8_t> bytes;
    mutable std::size_t reads = 0;

    explicit Memory(std::size_t size) : bytes(size) {}
    template <class T>
    void put(std::size_t offset, const T& value) {
        std::memcpy(bytes.data() + offset, &value, sizeof value);
    }
    template <class T>
    T get(std::size_t offset) const {
        T value;
        std::memcpy(&value, bytes.data() + offset, sizeof value);
        return value;
    }
    template <class T>
    Result<T> operator()(std::uint64_t address) const {
        reads++;
        if (address < base || address - base > bytes.size() ||
            bytes.size() - (address - base) < sizeof(T))
            return Errc::fault;
        return get<T>(address - base);
    }
};

struct Reader {
    const Memory* memory;
    template <class T>
    Result<T> operator()(std::uint64_t address) const {
        return memory->operator()<T>(address);
    }
};

/// The records of a frame as the kernel writes them.
Memory write_records(const FramePlan& plan, std::size_t sve_bytes) {
    Memory memory(plan.bytes + 16);
    memory.put(records_offset, RecordHead{fpsimd_magic, sizeof(FpsimdRecord)});
    if (plan.esr) memory.put(plan.esr, EsrRecord{{esr_magic, sizeof(EsrRecord)}, 0x92000045});
    if (plan.extra) {
        ExtraRecord extra{};
        extra.head = {extra_magic, sizeof extra};
        extra.data = Memory::base + plan.extra_begin();
        extra.bytes = static_cast<std::uint32_t>(plan.end + terminator_bytes - plan.extra_begin());
        memory.put(plan.extra, extra);
    }
    if (plan.sve) {
        SveRecord sve{};
        sve.head = {sve_magic, static_cast<std::uint32_t>(align_up(sve_bytes, 16))};
        memory.put(plan.sve, sve);
    }
    return memory;
}

Result<FoundRecords> find(const Memory& memory) {
    return find_records(Reader{&memory}, Memory::base + records_offset);
}

constexpr std::size_t sve_record(std::size_t vl) {
    return sizeof(SveRecord) + 32 * vl + 17 * (vl / 8);
}

} // namespace

TEST_CASE("records that are written are found again, with and without SVE and a fault") {
    for (bool has_esr : {false, true}) {
        for (std::size_t vl : {0, 16, 32, 64, 128, 256}) {
            const std::size_t bytes = vl == 0 ? 0 : sve_record(vl);
            const FramePlan plan = plan_frame(has_esr, bytes);
            CAPTURE(has_esr, vl, plan.end, plan.bytes);
            CHECK(plan.bytes % 16 == 0);
            CHECK(plan.bytes >= frame_bytes);
            CHECK(plan.end + terminator_bytes <= plan.bytes);
            // [linux] "sve_context (vl <= 64)" fits the reserved space, more does not.
            CHECK((plan.extra != 0) == (vl > 64));
            if (plan.extra == 0) CHECK(plan.bytes == frame_bytes);
            const Memory memory = write_records(plan, bytes);
            const Result<FoundRecords> found = find(memory);
            REQUIRE(found.ok());
            CHECK(found.value().fpsimd == Memory::base + records_offset);
            CHECK(found.value().sve == (vl == 0 ? 0 : Memory::base + plan.sve));
            if (vl != 0) CHECK(found.value().sve_bytes >= bytes);
        }
    }
}

TEST_CASE("a frame that Linux would refuse is refused") {
    const FramePlan plain = plan_frame(false, 0);
    const std::size_t after = records_offset + sizeof(FpsimdRecord);
    Memory memory = write_records(plain, 0);
    REQUIRE(find(memory).ok());

    SECTION("no FP record") { memory.put(records_offset, RecordHead{0, 0}); }
    SECTION("a terminator with a size") { memory.put(after, RecordHead{0, 16}); }
    SECTION("an unknown record") { memory.put(after, RecordHead{0x1234'5678, 16}); }
    SECTION("two FP records") { memory.put(after, RecordHead{fpsimd_magic, sizeof(FpsimdRecord)}); }
    SECTION("an FP record that is too short") {
        memory.put(records_offset, RecordHead{fpsimd_magic, sizeof(FpsimdRecord) - 16});
    }
    SECTION("a record of size 0") { memory.put(after, RecordHead{esr_magic, 0}); }
    SECTION("a record that leaves the next one misaligned") {
        memory.put(after, RecordHead{esr_magic, 24});
    }
    SECTION("a record beyond the reserved space") {
        memory.put(after, RecordHead{esr_magic, 4096});
    }
    SECTION("a size that wraps") { memory.put(after, RecordHead{esr_magic, 0xffff'fff0}); }
    SECTION("extra space elsewhere") {
        ExtraRecord extra{};
        extra.head = {extra_magic, sizeof extra};
        extra.data = Memory::base + after + sizeof extra + terminator_bytes + 16;
        extra.bytes = 64;
        memory.put(after, extra);
    }
    SECTION("extra space that holds another extra record") {
        ExtraRecord extra{};
        extra.head = {extra_magic, sizeof extra};
        extra.data = Memory::base + after + sizeof extra + terminator_bytes;
        extra.bytes = 256;
        memory.put(after, extra);
        extra.data += sizeof extra + terminator_bytes; // in itself it would be in order
        extra.bytes = 128;
        memory.put(after + sizeof extra + terminator_bytes, extra);
    }
    SECTION("extra space without limit") {
        ExtraRecord extra{};
        extra.head = {extra_magic, sizeof extra};
        extra.data = Memory::base + after + sizeof extra + terminator_bytes;
        extra.bytes = 0xffff'ffff;
        memory.put(after, extra);
    }
    const Result<FoundRecords> found = find(memory);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error() == Errc::corrupt);
}

TEST_CASE("a misaligned or unmapped frame is refused") {
    const Memory memory = write_records(plan_frame(false, 0), 0);
    CHECK(find_records(Reader{&memory}, Memory::base + records_offset + 8).error() ==
          Errc::corrupt);
    CHECK(find_records(Reader{&memory}, 0x1000).error() == Errc::fault);
}

// The frame lies in the program's memory: any bytes may be there. Whatever is found lies inside the
// frame's reserved or extra space, and the walk ends.
TEST_CASE("mutated frames are refused or give records inside the frame") {
    std::mt19937 random(GENERATE(range(0u, 50u)));
    std::size_t accepted = 0;
    for (int round = 0; round < 200; round++) {
        const std::size_t vl = std::size_t{16} << random() % 5;
        const std::size_t bytes = random() % 2 ? sve_record(vl) : 0;
        const FramePlan plan = plan_frame(random() % 2, bytes);
        Memory memory = write_records(plan, bytes);
        const std::size_t heads[] = {records_offset, records_offset + sizeof(FpsimdRecord),
                                     plan.esr,       plan.extra,
                                     plan.sve,       plan.end};
        for (unsigned n = random() % 4; n > 0; n--) {
            const std::size_t at = heads[random() % 6] + random() % 32;
            if (at < memory.bytes.size())
                memory.bytes[at] =
                    static_cast<std::uint8_t>(random() % 4 ? random() : random() % 2);
        }
        const Result<FoundRecords> found = find(memory);
        CHECK(memory.reads <= max_frame_bytes / sizeof(RecordHead) + reserved_bytes / 8);
        if (!found.ok()) continue;
        accepted++;
        const std::uint64_t end = Memory::base + memory.bytes.size();
        CHECK(found.value().fpsimd >= Memory::base + records_offset);
        CHECK(found.value().fpsimd + sizeof(FpsimdRecord) <= end);
        if (found.value().sve == 0) continue;
        CHECK(found.value().sve >= Memory::base + records_offset);
        CHECK(found.value().sve_bytes <= max_frame_bytes);
    }
    CHECK(accepted > 0);
}

TEST_CASE("only the program's own bits of pstate are taken, other modes are refused") {
    CHECK(is_valid_pstate(0x6000'1000)); // flags and SSBS
    CHECK(is_valid_pstate(0x0300'0c00)); // TCO, DIT, BTYPE
    CHECK_FALSE(is_valid_pstate(0x5));   // EL1h
    CHECK_FALSE(is_valid_pstate(0x4));   // EL1t
    CHECK_FALSE(is_valid_pstate(0x10));  // AArch32
    for (unsigned bit : {6, 7, 8, 9}) CHECK_FALSE(is_valid_pstate(std::uint64_t{1} << bit));
    CHECK((program_pstate & 0x3ff) == 0);
    CHECK((program_pstate & (1u << 20 | 1u << 21 | 1u << 22 | 1u << 23)) == 0); // IL SS PAN UAO
}
