// SPDX-License-Identifier: BSD-2-Clause
// struct rt_sigframe of Linux on arm64: [linux] arch/arm64/kernel/signal.c and
// uapi/asm/{sigcontext,ucontext}.h. Layout and the reading of records only, so that it is tested on
// the build machine; a target-side check compares every offset with the C library's headers.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>

namespace drupe::arch::aarch64 {

inline constexpr std::size_t siginfo_bytes = 128;
inline constexpr std::size_t reserved_bytes = 4096;

/// Everything before the records. The four fields from x on lie as in a TrapFrame.
struct FrameHead {
    std::uint8_t info[siginfo_bytes];
    // ucontext_t
    std::uint64_t flags;
    std::uint64_t link;
    std::uint64_t stack_sp;
    std::int32_t stack_flags;
    std::int32_t stack_padding;
    std::uint64_t stack_size;
    std::uint64_t blocked;
    std::uint8_t unused[120]; // room for a sigset_t of 1024 signals
    std::uint64_t padding;    // mcontext is 16-byte aligned
    // struct sigcontext
    std::uint64_t fault_address;
    std::uint64_t x[31];
    std::uint64_t sp;
    std::uint64_t pc;
    std::uint64_t pstate;
    std::uint64_t padding2; // the records are 16-byte aligned
};
inline constexpr std::size_t ucontext_offset = siginfo_bytes;
inline constexpr std::size_t records_offset = sizeof(FrameHead);
inline constexpr std::size_t frame_bytes = records_offset + reserved_bytes;
static_assert(sizeof(FrameHead) == 592 && frame_bytes == 4688);

/// Pushed above the frame, so that unwinders walk through.
struct FrameRecord {
    std::uint64_t fp;
    std::uint64_t lr;
};

struct RecordHead {
    std::uint32_t magic;
    std::uint32_t size;
};
enum RecordMagic : std::uint32_t {
    fpsimd_magic = 0x4650'8001,
    esr_magic = 0x4553'5201,
    extra_magic = 0x4558'5401,
    sve_magic = 0x5356'4501,
};
struct FpsimdRecord {
    RecordHead head;
    std::uint32_t fpsr;
    std::uint32_t fpcr;
    std::uint64_t q[64];
};
static_assert(sizeof(FpsimdRecord) == 528);
struct EsrRecord {
    RecordHead head;
    std::uint64_t esr;
};
struct ExtraRecord {
    RecordHead head;
    std::uint64_t data;
    std::uint32_t bytes;
    std::uint32_t reserved[3];
};
struct SveRecord { // z0-z31, p0-p15 and FFR follow, when the thread uses them
    RecordHead head;
    std::uint16_t vector_bytes;
    std::uint16_t flags;
    std::uint16_t reserved[2];
};
inline constexpr std::size_t terminator_bytes = 16;
static_assert(sizeof(ExtraRecord) == 32 && sizeof(SveRecord) == 16 && sizeof(EsrRecord) == 16);
/// [linux] SIGFRAME_MAXSZ.
inline constexpr std::size_t max_frame_bytes = 64 * 1024;

/// Where the records of a frame go, as offsets from its start.
struct FramePlan {
    std::size_t esr = 0, sve = 0, extra = 0; // 0: none; fpsimd is always first
    std::size_t end = 0;                     // the terminator
    std::size_t bytes = 0;                   // of the whole frame, 16-byte aligned
    std::size_t extra_begin() const { return extra + sizeof(ExtraRecord) + terminator_bytes; }
};

/// `sve_bytes`: size of the SVE record, 0 for none. Records that do not fit the reserved space with
/// a terminator and an extra record behind them move to extra space.
constexpr FramePlan plan_frame(bool has_esr, std::size_t sve_bytes) {
    FramePlan plan;
    std::size_t at = records_offset + sizeof(FpsimdRecord);
    std::size_t limit = frame_bytes - terminator_bytes - sizeof(ExtraRecord);
    if (has_esr) {
        plan.esr = at;
        at += sizeof(EsrRecord);
    }
    if (sve_bytes != 0) {
        const std::size_t padded = align_up(sve_bytes, 16);
        if (padded > limit - at) {
            plan.extra = at;
            at += sizeof(ExtraRecord) + terminator_bytes;
        }
        plan.sve = at;
        at += padded;
    }
    plan.end = at;
    plan.bytes = at + terminator_bytes > frame_bytes ? at + terminator_bytes : frame_bytes;
    return plan;
}

/// PSTATE bits that belong to the program: [arm/arm] "SPSR_EL1".
inline constexpr std::uint64_t program_pstate = 0xf000'0000 | // N Z C V
                                                1u << 25 |    // TCO
                                                1u << 24 |    // DIT
                                                1u << 12 |    // SSBS
                                                3u << 10;     // BTYPE
/// A frame that claims another mode than EL0t, AArch32, or masked interrupts was not pushed by us.
constexpr bool is_valid_pstate(std::uint64_t pstate) { return (pstate & 0x3df) == 0; }

/// The records found in a frame, as addresses; 0: absent.
struct FoundRecords {
    std::uint64_t fpsimd = 0, sve = 0;
    std::uint32_t sve_bytes = 0;
};

/// Walks the records at `base`. `read` is Result<T> operator()<T>(uint64_t address). corrupt: a
/// size, order, alignment or magic that Linux would refuse; whatever `read` fails with.
template <class Read>
Result<FoundRecords> find_records(Read read, std::uint64_t base) {
    FoundRecords found;
    std::uint64_t limit = reserved_bytes;
    std::uint64_t offset = 0;
    bool in_extra = false;
    if (base % 16 != 0) return Errc::corrupt;
    for (;;) {
        if (limit - offset < sizeof(RecordHead) || offset % 16 != 0) return Errc::corrupt;
        const std::uint64_t at = base + offset;
        const RecordHead head = TRY(read.template operator()<RecordHead>(at));
        if (head.magic == 0) {
            if (head.size != 0 || found.fpsimd == 0) return Errc::corrupt;
            return found;
        }
        if (head.size < sizeof(RecordHead) || limit - offset < head.size) return Errc::corrupt;
        switch (head.magic) {
        case fpsimd_magic:
            if (in_extra || found.fpsimd != 0 || head.size < sizeof(FpsimdRecord))
                return Errc::corrupt;
            found.fpsimd = at;
            break;
        case esr_magic: break; // nothing of it comes back
        case sve_magic:
            if (found.sve != 0 || head.size < sizeof(SveRecord)) return Errc::corrupt;
            found.sve = at;
            found.sve_bytes = head.size;
            break;
        case extra_magic: {
            if (in_extra || head.size < sizeof(ExtraRecord)) return Errc::corrupt;
            const ExtraRecord extra = TRY(read.template operator()<ExtraRecord>(at));
            const std::uint64_t behind = offset + head.size;
            if (behind % 16 != 0 || limit - behind < terminator_bytes) return Errc::corrupt;
            const RecordHead end = TRY(read.template operator()<RecordHead>(base + behind));
            if (end.magic != 0 || end.size != 0) return Errc::corrupt;
            if (extra.data != base + behind + terminator_bytes || extra.bytes > max_frame_bytes)
                return Errc::corrupt;
            base = extra.data;
            limit = extra.bytes;
            offset = 0;
            in_extra = true;
            continue;
        }
        default: return Errc::corrupt;
        }
        offset += head.size;
    }
}

} // namespace drupe::arch::aarch64
