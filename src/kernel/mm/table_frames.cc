// SPDX-License-Identifier: BSD-2-Clause
// Where the backend's page tables come from.
#include <drupe/arch/page_table.h>
#include <drupe/mm/frames.h>

namespace drupe::arch {

Result<PhysAddr> alloc_table_frame() { return mm::alloc_zeroed_frame(); }
void free_table_frame(PhysAddr frame) { mm::free_frames(frame); }

} // namespace drupe::arch
