// SPDX-License-Identifier: BSD-2-Clause
// The order of all spin locks. A lock may be taken only while every lock already held has a HIGHER
// rank: lower ranks are taken last. There is no "none". The reason for each place stands beside it.
#pragma once

#include <cstdint>

namespace drupe {

enum class LockRank : std::uint8_t {
    console = 1,  // anything may log, so nothing is taken under it
    irq_chip,     // masking and sending interrupts happens under driver and scheduler locks
    entropy,      // the root of random numbers, which are wanted anywhere; computes blocks
    clock,        // the wall clock's offset; read and written under nothing else
    timer,        // armed while a run queue is locked
    run_queue,    // wake-ups happen under nearly every other lock
    epoll,        // an epoll's ready list, filled by the wake-ups of the files it watches
    wait_queue,   // a wake-up takes the run queue; queues are woken under their owner's lock
    frames,       // memory is allocated under most data-structure locks
    frame_cache,  // a CPU's few frames; refilled from the frames lock
    heap,         // slabs with free objects of one size; gives frames back
    heap_list,    // a CPU's few objects; come from slabs and go there
    inheritance,  // who waits for whose lock; frees records, changes threads' priorities
    signal,       // queues signals, wakes the target
    signal_timer, // a timer's next expiry; timers that follow the wall clock are armed under it
    actions,      // a process's table of signal actions is replaced, or a timer of it sends
    thread_table, // a bucket of thread ids; sends signals within a process
    process,      // thread list, children; sends signals
    tty,          // wakes readers, signals, writes to the console
    volume,       // which pages of a disk are changed, and in whose hands; nodes from the heap
    device_queue, // a device's requests under way; only fills memory and registers
    // Interrupts take the locks above, which are held with interrupts masked, and none below.
    async_files,   // files with O_ASYNC; signals their owners
    timestamps,    // an inode's times; read and written under nothing else
    system_name,   // names that uname shows; copied under nothing else
    notify,        // who watches files; allocates events, wakes their readers
    page_table,    // kernel mappings, tables from frames
    page_cache,    // lookups allocate frames and heap nodes; truncation unmaps under it
    address_space, // faults look into the page cache and fill the page table
    socket,        // a socket's queue; wakes readers
    socket_table,  // names of sockets; looks into their queues
    pipe,          // buffers grow (heap, frames), wakes readers
    fd_table,      // installing a file allocates
    name_table,    // a bucket of the path cache; names move under the dentry lock
    inode,         // directory and size changes touch the page cache
    dentry,        // path cache; looks into inodes' children only by reference
    futex,         // bucket lock; wakes threads
    device,        // driver state; above everything it calls
};
inline constexpr unsigned lock_rank_limit = static_cast<unsigned>(LockRank::device) + 1;

} // namespace drupe
