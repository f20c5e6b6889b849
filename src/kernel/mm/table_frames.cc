// SPDX-License-Identifier: BSD-2-Clause
// Where the backend's page tables come from.
#include <drupe/arch/page_table.h>
#include <drupe/mm/frames.h>

namespace drupe::arch {

Result<PhysAddr> alloc_table_frame() {
    const PhysAddr frame = TRY(mm::alloc_zeroed_frame());
    table_frame_word(frame) = 0;
    return frame;
}
std::uint64_t& table_frame_word(PhysAddr frame) { return mm::frame_of(frame).table_word; }
void free_table_frame(PhysAddr frame) { mm::free_frames(frame); }

} // namespace drupe::arch
