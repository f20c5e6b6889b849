// SPDX-License-Identifier: BSD-2-Clause
// Shared memory of System V: segments that programs attach to their address spaces. A removed one
// stays until the last region on it is gone.
#pragma once

#include <drupe/base/relaxed.h>
#include <drupe/ipc/object.h>
#include <drupe/mm/vm_object.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::ipc {

/// kernel.shmmax (bytes of one), kernel.shmall (pages of all), kernel.shmmni. Any thread may set
/// them.
struct MemoryLimits {
    Relaxed<std::uint64_t> bytes, pages;
    Relaxed<std::uint32_t> segments;
};
extern MemoryLimits memory_limits;

class Segment final : public Object {
public:
    enum Mode : std::uint32_t { doomed = 01000, locked = 02000 }; // SHM_DEST, SHM_LOCKED
    Segment(Key key, std::uint32_t flags, std::uint64_t bytes, RefPtr<mm::VmObject> pages);
    ~Segment() override;

    const std::uint64_t bytes;
    const RefPtr<mm::VmObject> pages;
    const std::int32_t creator;
    PageCount page_count() const { return PageCount::covering(bytes); }
    /// SHM_LOCK: counted as the running process's user's until unlock(), or the end. False: that
    /// would be more than `limit` bytes. Under the object's mutex.
    bool lock(std::uint64_t limit) REQUIRES(mutex);
    void unlock() REQUIRES(mutex);

    // Of the regions on it, which come and go under their spaces' locks.
    Relaxed<std::int64_t> attach_time{0}, detach_time{0};
    Relaxed<std::int32_t> last_user{0};
    std::uint64_t attached() const { return uses_ / one_use; }
    void add_use() { uses_ += one_use; }
    /// True: it was the last, and the segment goes with it.
    bool drop_use() { return uses_.fetch_sub(one_use) == one_use + doom; }
    void doom_it() { uses_.fetch_or(doom); }
    bool has_served() const { return uses_ == doom; }

private:
    // One word, so that who takes the last region away and who removes the segment cannot both miss
    // the other.
    enum : std::uint64_t { doom = 1, one_use = 2 };
    Relaxed<std::uint64_t> uses_{0};
    std::uint32_t locked_uid_ = 0; // while owner.mode says that it is locked
};

/// invalid (no such size), exists, not_found, access, no_space, no_memory.
Result<int> get_segment(Key key, std::uint64_t bytes, std::uint32_t flags);
/// invalid: no such segment.
Result<RefPtr<Segment>> find_segment(int id);
Result<RefPtr<Segment>> segment_at(int index);
RefPtr<Segment> next_segment(std::uint32_t& index);
/// How many there are, and the highest index of one.
std::uint32_t segment_count();
int highest_segment();
/// Pages of all segments.
std::uint64_t pages_of_all_segments();

enum AttachFlag : std::uint32_t {
    attach_read_only = 010000, // SHM_RDONLY
    attach_rounded = 020000,   // SHM_RND
    attach_replace = 040000,   // SHM_REMAP
    attach_executable = 0100000,
};
/// Puts the segment into the caller's space. invalid, removed, access, no_memory, not_permitted.
Result<VirtAddr> attach(int id, VirtAddr at, std::uint32_t flags);
/// Takes out what attach() put in at `at`. invalid: nothing.
Result<void> detach(VirtAddr at);
/// No key leads to it; it goes with its last region. not_permitted.
Result<void> remove(Segment& segment);

} // namespace drupe::ipc
