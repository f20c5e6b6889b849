// SPDX-License-Identifier: BSD-2-Clause
// What shared memory, semaphores and message queues of System V have in common: a number, a key, an
// owner with permissions, and a table for each kind. An object lives until it is removed, whether
// somebody uses it or not.
//
// Locks: a table's, then an object's mutex. A table's is held for a look-up or a change of the
// table, never while an object is worked on.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/made_once.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/sched/mutex.h>

#include <cstddef>
#include <cstdint>

namespace drupe::ipc {

using Key = std::int32_t;
inline constexpr Key private_key = 0; // IPC_PRIVATE: found by number only

/// Flags of the get calls; the lower nine bits are the permissions of what is made.
enum GetFlag : std::uint32_t { get_create = 01000, get_exclusive = 02000, get_permissions = 0777 };
/// What a call wants to do, for all classes of users at once.
enum Wanted : std::uint32_t { want_read = 0444, want_write = 0222, want_execute = 0111 };

struct Ownership {
    std::uint32_t uid = 0, gid = 0, creator_uid = 0, creator_gid = 0;
    std::uint32_t mode = 0;
};

/// What IPC_SET may change.
struct NewOwner {
    std::uint32_t uid, gid, mode;
};

class Object : public RefCounted<Object> {
public:
    /// Owned by the caller, with the permissions in `flags`.
    Object(Key key, std::uint32_t flags);
    virtual ~Object() = default;
    static void destroy(Object* object) { delete object; }

    /// access. With `wanted` 0 nothing is asked for.
    Result<void> check_access(std::uint32_t wanted) const REQUIRES(mutex);
    /// Changing and removing are the owner's, the creator's and user 0's. not_permitted.
    Result<void> check_owner() const REQUIRES(mutex);
    void set_owner(const NewOwner& owner) REQUIRES(mutex);

    Key key;     // changes under the table's lock
    int id = -1; // constant once it is in a table
    sched::Mutex mutex;
    Ownership owner GUARDED_BY(mutex);
    std::int64_t changed GUARDED_BY(mutex); // seconds, as all times here
    bool is_removed GUARDED_BY(mutex) = false;
    ListHook hook; // objects of alike keys
};

/// Seconds of the wall clock.
std::int64_t seconds_now();
/// The caller's process number; 0 in a thread of the kernel.
std::int32_t caller_pid();

class ObjectTable {
public:
    static constexpr std::uint32_t most = 32768; // the lower bits of a number are the index

    /// What get() makes when there is nothing under the key, and asks of what there is.
    class Maker {
    public:
        virtual Result<RefPtr<Object>> make(Key key, std::uint32_t flags) = 0;
        virtual Result<void> check(const Object& found) = 0;

    protected:
        ~Maker() = default;
    };
    /// The number of the object with that key, or of a new one. exists, not_found, access,
    /// no_space (`limit` objects are there), no_memory, and what the maker says.
    Result<int> get(Key key, std::uint32_t flags, std::uint32_t limit, Maker& maker);
    /// invalid: there is none.
    Result<RefPtr<Object>> find(int id);
    Result<RefPtr<Object>> at_index(int index);
    /// The first object with an index >= `from`, which moves behind it; null: none.
    RefPtr<Object> next(std::uint32_t& from);
    /// No key leads to it any more.
    void forget_key(Object& object);
    /// Nothing leads to it any more. It is in the table.
    void remove(Object& object);

    std::uint32_t count();
    /// The highest index in use; 0 when none is.
    int highest_index();

private:
    static constexpr std::size_t chains = 256;
    using Chain = IntrusiveList<Object, &Object::hook>;
    Chain& chain_of(Key key) REQUIRES(lock_);
    Object* find_key(Key key) REQUIRES(lock_);
    Result<void> insert(RefPtr<Object> object, std::uint32_t limit) REQUIRES(lock_);
    Result<void> grow(std::uint32_t wanted) REQUIRES(lock_);

    sched::RwLock lock_;
    Chain by_key_[chains] GUARDED_BY(lock_);
    Object** slots_ GUARDED_BY(lock_) = nullptr; // each with a reference
    std::uint32_t capacity_ GUARDED_BY(lock_) = 0, count_ GUARDED_BY(lock_) = 0;
    std::uint32_t next_ GUARDED_BY(lock_) = 0;     // where the search for an index goes on
    std::uint32_t sequence_ GUARDED_BY(lock_) = 0; // the upper bits of a number
};

/// One of each kind, made at the first use. no_memory.
template <class Kind>
Result<ObjectTable*> table_of() {
    static constinit MadeOnce<ObjectTable> table;
    return table.get_or_make();
}

} // namespace drupe::ipc
