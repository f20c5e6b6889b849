// SPDX-License-Identifier: BSD-2-Clause
// The table of names, hashed by parent and name. Names and parents change only under the tree
// lock, and only while the dentry is in no bucket; so a bucket's lock is enough to compare.
#include "tree_lock.h"

#include <drupe/vfs/dentry.h>
#include <drupe/vfs/types.h>

#include <bit>
#include <cstring>
#include <new>

namespace drupe::vfs {
namespace {

struct Bucket {
    SpinLock<LockRank::name_table> lock;
    Dentry* first GUARDED_BY(lock) = nullptr;
};

// Enough to begin with; init() replaces it before the first dentry.
constexpr std::size_t first_buckets = 64;
constinit Bucket first_table[first_buckets];
constinit Bucket* table = first_table;
constinit std::size_t table_mask = first_buckets - 1;

/// Odd while names move. A lookup that found nothing and saw this change looks again. Relaxed: it
/// can miss a name only where the name was taken out before, and then the bucket's lock, which it
/// took after that, has brought the count along.
constinit std::atomic<std::uint32_t> moves{0};

Bucket& bucket_of(const Dentry* parent, std::uint32_t hash) {
    const auto key =
        static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(parent) >> 4) ^ hash;
    return table[(key * 0x9e37'79b9'7f4a'7c15) >> 32 & table_mask];
}

} // namespace

Result<void> DentryTable::init(std::size_t buckets) {
    DRUPE_ASSERT(table == first_table);
    buckets = std::bit_ceil(buckets);
    if (buckets <= first_buckets) return {};
    Bucket* fresh = new (std::nothrow) Bucket[buckets];
    if (!fresh) return Errc::no_memory;
    table = fresh;
    table_mask = buckets - 1;
    return {};
}

Dentry* DentryTable::find(const Dentry& parent, const Name& name) {
    // Names are short and rarely aligned: a call of memcmp costs more than it saves.
    const auto is_same = [&name](const char* text) {
        for (std::uint32_t i = 0; i < name.length; i++)
            if (text[i] != name.text[i]) return false;
        return true;
    };
    for (;;) {
        const std::uint32_t before = moves.load(std::memory_order_relaxed);
        Bucket& bucket = bucket_of(&parent, name.hash);
        {
            SpinGuard guard(bucket.lock);
            for (Dentry* at = bucket.first; at; at = at->next_)
                if (at->hash_ == name.hash && at->parent_ == &parent &&
                    at->length_ == name.length && is_same(at->name_)) {
                    at->retain();
                    return at;
                }
        }
        // Pairs with the increments in move() and exchange(): equal and even means that nothing
        // was between two buckets while we looked.
        if ((before & 1) == 0 && moves.load(std::memory_order_relaxed) == before) return nullptr;
        arch::cpu_relax();
    }
}

void DentryTable::link(Dentry& dentry) {
    Bucket& bucket = bucket_of(dentry.parent_, dentry.hash_);
    SpinGuard guard(bucket.lock);
    dentry.next_ = bucket.first;
    bucket.first = &dentry;
}

void DentryTable::unlink(Dentry& dentry) {
    Bucket& bucket = bucket_of(dentry.parent_, dentry.hash_);
    SpinGuard guard(bucket.lock);
    Dentry** at = &bucket.first;
    while (*at != &dentry) {
        DRUPE_ASSERT(*at != nullptr);
        at = &(*at)->next_;
    }
    *at = dentry.next_;
    dentry.next_ = nullptr;
}

void DentryTable::insert(Dentry& dentry) {
    DRUPE_ASSERT(!dentry.is_in_table());
    dentry.retain();
    dentry.in_table_.store(true, std::memory_order_relaxed);
    link(dentry);
}

void DentryTable::remove(Dentry& dentry) {
    DRUPE_ASSERT(dentry.is_in_table());
    unlink(dentry);
    dentry.in_table_.store(false, std::memory_order_relaxed);
    dentry.release();
}

Result<char*> DentryTable::reserve_name(const Name& name) {
    if (name.length > max_name) return Errc::name_too_long;
    auto* text = static_cast<char*>(::operator new(name.length + 1, std::nothrow));
    if (!text) return Errc::no_memory;
    std::memcpy(text, name.text, name.length);
    text[name.length] = 0;
    return text;
}

void DentryTable::move(Dentry& moving, Dentry& target_parent, const Name& name, char* new_name,
                       Dentry* replaced) {
    char* old_name = nullptr;
    Dentry* old_parent = nullptr;
    {
        SpinGuard guard(tree_lock);
        moves.fetch_add(1, std::memory_order_relaxed);
        unlink(moving);
        if (replaced) {
            unlink(*replaced);
            replaced->in_table_.store(false, std::memory_order_relaxed);
        }
        if (moving.owns_name_) old_name = const_cast<char*>(moving.name_);
        moving.name_ = new_name;
        moving.owns_name_ = true;
        moving.length_ = name.length;
        moving.hash_ = name.hash;
        old_parent = std::exchange(moving.parent_, &target_parent);
        target_parent.retain();
        link(moving);
        moves.fetch_add(1, std::memory_order_relaxed);
    }
    ::operator delete(old_name);
    if (replaced) replaced->release();
    old_parent->release();
}

void DentryTable::exchange(Dentry& a, Dentry& b, char* name_for_a, char* name_for_b) {
    char* old_names[2] = {};
    {
        SpinGuard guard(tree_lock);
        moves.fetch_add(1, std::memory_order_relaxed);
        unlink(a);
        unlink(b);
        if (a.owns_name_) old_names[0] = const_cast<char*>(a.name_);
        if (b.owns_name_) old_names[1] = const_cast<char*>(b.name_);
        a.name_ = name_for_a;
        b.name_ = name_for_b;
        a.owns_name_ = b.owns_name_ = true;
        std::swap(a.length_, b.length_);
        std::swap(a.hash_, b.hash_);
        std::swap(a.parent_, b.parent_);
        link(a);
        link(b);
        moves.fetch_add(1, std::memory_order_relaxed);
    }
    ::operator delete(old_names[0]);
    ::operator delete(old_names[1]);
}

} // namespace drupe::vfs
