// SPDX-License-Identifier: BSD-2-Clause
// Writing and reading a signal frame in the program's memory. The kernel never touches FP, so the
// program's registers are still the hardware's when they are saved here.
#include <drupe/arch/signal_frame.h>

#include <drupe/arch/aarch64/signal_layout.h>
#include <drupe/arch/cpu_features.h>
#include <drupe/arch/fpu.h>
#include <drupe/arch/user_access.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::arch {
namespace {

using namespace aarch64;

static_assert(offsetof(FrameHead, sp) - offsetof(FrameHead, x) == offsetof(TrapFrame, user_sp) &&
              offsetof(FrameHead, pc) - offsetof(FrameHead, x) == offsetof(TrapFrame, elr) &&
              offsetof(FrameHead, pstate) - offsetof(FrameHead, x) == offsetof(TrapFrame, spsr));

constexpr std::uint64_t hwcap2_bti = 1u << 17; // [linux] asm/hwcap.h

std::size_t sve_record_bytes() {
    const std::size_t vl = sve_vector_length();
    return vl == 0 ? 0 : sizeof(SveRecord) + sve_state_bytes(vl);
}

[[gnu::noinline]] Result<void> write_head(const TrapFrame& frame, VirtAddr at,
                                          const SignalDelivery& d) {
    FrameHead head; // not cleared: what has no value of its own is, below
    const std::size_t known = std::min(d.info.size(), sizeof head.info);
    std::memcpy(head.info, d.info.data(), known);
    std::memset(head.info + known, 0, sizeof head.info - known);
    head.flags = head.link = head.padding = head.padding2 = 0;
    head.stack_padding = 0;
    std::memset(head.unused, 0, sizeof head.unused);
    head.stack_sp = d.alternate.sp;
    head.stack_flags = d.alternate.flags;
    head.stack_size = d.alternate.size;
    head.blocked = d.blocked;
    head.fault_address = d.fault_address;
    std::memcpy(head.x, frame.x, sizeof head.x);
    head.sp = frame.user_sp;
    head.pc = frame.elr;
    head.pstate = frame.spsr & program_pstate; // M reads EL0t wherever the program runs
    return copy_to_user(at, &head, sizeof head);
}

/// A FpsimdRecord without its registers, which go to and fro in one piece.
struct FpsimdHead {
    RecordHead head;
    std::uint32_t fpsr;
    std::uint32_t fpcr;
};
static_assert(sizeof(FpsimdHead) == offsetof(FpsimdRecord, q));

[[gnu::noinline]] Result<void> write_fpsimd(VirtAddr at) {
    FpuState state;
    fpu_save(state);
    const FpsimdHead head{{fpsimd_magic, sizeof(FpsimdRecord)}, state.fpsr, state.fpcr};
    TRY(put_user(at, head));
    return copy_to_user(at + offsetof(FpsimdRecord, q), state.q, sizeof state.q);
}

/// A buffer for the scalable registers: too large for a kernel stack.
struct SveBuffer {
    explicit SveBuffer(std::size_t n) : bytes(n), data(::operator new(n, std::nothrow)) {}
    ~SveBuffer() { ::operator delete(data); }
    SveBuffer(const SveBuffer&) = delete;
    SveBuffer& operator=(const SveBuffer&) = delete;
    std::size_t bytes;
    void* data;
};

Result<void> write_sve(VirtAddr at, std::size_t record_bytes) {
    SveRecord record{};
    record.head = {sve_magic, static_cast<std::uint32_t>(align_up(record_bytes, 16))};
    record.vector_bytes = static_cast<std::uint16_t>(sve_vector_length());
    SveBuffer buffer(record_bytes - sizeof record);
    if (!buffer.data) return Errc::no_memory;
    sve_save_state(buffer.data);
    TRY(put_user(at, record));
    return copy_to_user(at + sizeof record, buffer.data, buffer.bytes);
}

Result<void> write_extra(VirtAddr base, const FramePlan& plan) {
    ExtraRecord record{};
    record.head = {extra_magic, sizeof record};
    record.data = raw(base) + plan.extra_begin();
    record.bytes = static_cast<std::uint32_t>(plan.end + terminator_bytes - plan.extra_begin());
    TRY(put_user(base + plan.extra, record));
    return put_user(base + plan.extra + sizeof record, RecordHead{});
}

Result<void> write_frame(const TrapFrame& frame, VirtAddr base, const FramePlan& plan,
                         const SignalDelivery& d) {
    TRY(write_head(frame, base, d));
    TRY(write_fpsimd(base + records_offset));
    if (plan.esr != 0) { // its terminator with it, which another record may take the place of
        const struct {
            EsrRecord record;
            RecordHead end;
        } esr{{{esr_magic, sizeof(EsrRecord)}, d.fault_syndrome}, {}};
        TRY(put_user(base + plan.esr, esr));
    }
    if (plan.extra != 0) TRY(write_extra(base, plan));
    if (plan.sve != 0) TRY(write_sve(base + plan.sve, sve_record_bytes()));
    if (plan.end != plan.esr + sizeof(EsrRecord)) TRY(put_user(base + plan.end, RecordHead{}));
    return put_user(base + plan.bytes, FrameRecord{frame.x[29], frame.x[30]});
}

[[gnu::noinline]] Result<void> read_fpsimd(VirtAddr at) {
    FpuState state;
    TRY(copy_from_user(state.q, at + offsetof(FpsimdRecord, q), sizeof state.q));
    const FpsimdHead head = TRY(get_user<FpsimdHead>(at));
    state.fpsr = head.fpsr;
    state.fpcr = head.fpcr;
    fpu_restore(state);
    return {};
}

/// The scalable registers. The FP record counts for the low 128 bits of each; loading those alone
/// zeroes the rest, so the two are put together in memory first. A record without content leaves
/// the upper parts zero.
Result<void> read_sve(const FoundRecords& found) {
    const SveRecord record = TRY(get_user<SveRecord>(VirtAddr{found.sve}));
    if (record.flags != 0) return Errc::corrupt; // streaming mode does not exist here
    if (found.sve_bytes == sizeof record) return {};
    if (sve_vector_length() == 0 && !sve_enable()) return Errc::corrupt;
    const std::size_t vl = sve_vector_length();
    if (record.vector_bytes != vl || found.sve_bytes < sizeof record + sve_state_bytes(vl))
        return Errc::corrupt;
    SveBuffer buffer(sve_state_bytes(vl));
    if (!buffer.data) return Errc::no_memory;
    TRY(copy_from_user(buffer.data, VirtAddr{found.sve} + sizeof record, buffer.bytes));
    const VirtAddr q{found.fpsimd + offsetof(FpsimdRecord, q)};
    for (std::size_t n = 0; n < 32; n++)
        TRY(copy_from_user(static_cast<std::byte*>(buffer.data) + n * vl, q + n * 16, 16));
    sve_restore_state(buffer.data);
    return {};
}

[[gnu::noinline]] Result<SignalReturn> read_head(TrapFrame& frame, VirtAddr base) {
    FrameHead head;
    TRY(copy_from_user(&head, base, sizeof head));
    if (!is_valid_pstate(head.pstate)) return Errc::corrupt;
    std::memcpy(frame.x, head.x, sizeof head.x);
    frame.user_sp = head.sp;
    frame.elr = head.pc;
    frame.spsr = (frame.spsr & ~program_pstate) | (head.pstate & program_pstate);
    return SignalReturn{head.blocked, {head.stack_sp, head.stack_flags, 0, head.stack_size}};
}

struct UserReader {
    template <class T>
    Result<T> operator()(std::uint64_t address) const {
        return get_user<T>(VirtAddr{address});
    }
};

} // namespace

Result<void> push_signal_frame(TrapFrame& frame, const SignalDelivery& delivery) {
    const FramePlan plan = plan_frame(delivery.fault_syndrome != 0, sve_record_bytes());
    const VirtAddr record = align_down(delivery.stack - sizeof(FrameRecord), 16);
    const VirtAddr base = record - plan.bytes;
    TRY(write_frame(frame, base, plan, delivery));
    frame.x[0] = static_cast<std::uint64_t>(delivery.signo);
    frame.x[1] = raw(base);
    frame.x[2] = raw(base) + ucontext_offset;
    frame.x[29] = raw(record);
    frame.x[30] = raw(delivery.return_to);
    frame.user_sp = raw(base);
    frame.elr = raw(delivery.handler);
    // As an indirect call would arrive: [arm/arm] "PSTATE.BTYPE", 0b10; tag checks are on.
    frame.spsr &= ~std::uint64_t{3u << 10 | 1u << 25};
    if ((cpu_features().hwcap2 & hwcap2_bti) != 0) frame.spsr |= 2u << 10;
    frame.number = -1;
    return {};
}

Result<SignalReturn> pop_signal_frame(TrapFrame& frame) {
    const VirtAddr base{frame.user_sp};
    if (!is_aligned(raw(base), 16)) return Errc::corrupt;
    const FoundRecords found = TRY(find_records(UserReader{}, raw(base) + records_offset));
    const SignalReturn back = TRY(read_head(frame, base));
    TRY(read_fpsimd(VirtAddr{found.fpsimd}));
    if (found.sve != 0) TRY(read_sve(found));
    frame.number = -1;
    return back;
}

} // namespace drupe::arch
