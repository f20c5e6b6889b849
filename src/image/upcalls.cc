// SPDX-License-Identifier: BSD-2-Clause
// What arch calls, joined to the rooms that answer. No program runs yet.
#include <drupe/arch/upcalls.h>
#include <drupe/irq/irq_chip.h>

namespace drupe::arch {

void on_interrupt(TrapFrame&) { irq::dispatch(); }
void on_user_fault(TrapFrame&, const Fault&) {}
bool on_user_access_fault(const Fault&) { return false; }
void on_return_to_user(TrapFrame&) {}

} // namespace drupe::arch
extern "C" {
long drupe_unknown_syscall(unsigned long);
long drupe_unknown_syscall(unsigned long) { return -38; }
extern const void *drupe_active_table, *drupe_active_direct_table;
const void *drupe_active_table, *drupe_active_direct_table;
}
