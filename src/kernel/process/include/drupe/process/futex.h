// SPDX-License-Identifier: BSD-2-Clause
// What names a word that threads sleep on, and what the end of a thread does to such words.
#pragma once

#include <drupe/base/units.h>
#include <drupe/process/process.h>
#include <drupe/sched/futex.h>

#include <cstddef>

namespace drupe::process {

struct UserThread;

/// A word as the running program's threads know it (FUTEX_PRIVATE_FLAG).
inline sched::FutexKey private_futex_key(VirtAddr word) {
    return {&current_process().image->space(), raw(word)};
}
/// A word as every process that maps it knows it; the private key when only this one does.
sched::FutexKey shared_futex_key(VirtAddr word);
/// Wakes up to `count` waiters under either key.
void wake_futex(VirtAddr word, std::size_t count);

/// Marks every lock on the thread's robust list as its owner having died, and wakes a waiter each.
/// [linux] Documentation/locking/robust-futex-ABI.rst. Bad lists end the walk, nothing else.
void release_robust_futexes(UserThread& thread);

} // namespace drupe::process
