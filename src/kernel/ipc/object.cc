// SPDX-License-Identifier: BSD-2-Clause
// [linux] ipc/util.c: numbers, keys and permissions.
#include <drupe/ipc/object.h>

#include <drupe/process/process.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <new>

namespace drupe::ipc {
namespace {

constexpr unsigned index_bits = 15;
constexpr std::uint32_t sequences = 1u << (31 - index_bits);
// Indices go round in at least this many, so that a number is not soon used again.
constexpr std::uint32_t least_cycle = 64;

const process::Credentials& caller() { return process::current_process().credentials; }

} // namespace

std::int64_t seconds_now() { return time::wall().ns / 1'000'000'000; }

std::int32_t caller_pid() {
    const process::Process* process = sched::current().process;
    return process ? process->pid : 0;
}

Object::Object(Key k, std::uint32_t flags) : key(k), changed(seconds_now()) {
    const process::Credentials& who = caller();
    owner = {who.euid, who.egid, who.euid, who.egid, flags & get_permissions};
}

Result<void> Object::check_access(std::uint32_t wanted) const {
    const process::Credentials& who = caller();
    const std::uint32_t asked = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    std::uint32_t granted = owner.mode;
    if (who.euid == owner.uid || who.euid == owner.creator_uid)
        granted >>= 6;
    else if (who.in_group(owner.gid) || who.in_group(owner.creator_gid))
        granted >>= 3;
    return (asked & ~granted) == 0 || who.is_privileged() ? Result<void>{} : Errc::access;
}

Result<void> Object::check_owner() const {
    const process::Credentials& who = caller();
    const bool is_owner = who.euid == owner.uid || who.euid == owner.creator_uid;
    return is_owner || who.is_privileged() ? Result<void>{} : Errc::not_permitted;
}

void Object::set_owner(const NewOwner& fresh) {
    owner.uid = fresh.uid;
    owner.gid = fresh.gid;
    owner.mode = (owner.mode & ~std::uint32_t{get_permissions}) | (fresh.mode & get_permissions);
    changed = seconds_now();
}

ObjectTable::Chain& ObjectTable::chain_of(Key key) {
    return by_key_[(static_cast<std::uint32_t>(key) * 0x9e3779b1u) >> 24];
}

Object* ObjectTable::find_key(Key key) {
    for (Object& object : chain_of(key))
        if (object.key == key) return &object;
    return nullptr;
}

Result<void> ObjectTable::grow(std::uint32_t wanted) {
    const std::uint32_t capacity = std::max(capacity_ * 2, std::max(wanted, least_cycle));
    auto** larger = new (std::nothrow) Object*[capacity]();
    if (!larger) return Errc::no_memory;
    std::copy_n(slots_, capacity_, larger);
    delete[] std::exchange(slots_, larger);
    capacity_ = capacity;
    return {};
}

Result<void> ObjectTable::insert(RefPtr<Object> object, std::uint32_t limit) {
    if (count_ >= std::min(limit, most)) return Errc::no_space;
    const std::uint32_t cycle = std::min(std::max(count_ * 3 / 2, least_cycle), most);
    if (cycle > capacity_) TRY(grow(cycle));
    std::uint32_t index = next_;
    for (;; index++) {
        if (index >= cycle) {
            index = 0;
            sequence_ = (sequence_ + 1) % sequences;
        }
        if (!slots_[index]) break;
    }
    next_ = index + 1;
    count_++;
    object->id = static_cast<int>(sequence_ << index_bits | index);
    if (object->key != private_key) chain_of(object->key).push_back(*object);
    slots_[index] = object.leak();
    return {};
}

Result<int> ObjectTable::get(Key key, std::uint32_t flags, std::uint32_t limit, Maker& maker) {
    sched::ExclusiveGuard guard(lock_);
    if (Object* found = key == private_key ? nullptr : find_key(key)) {
        constexpr std::uint32_t fresh_only = get_create | get_exclusive;
        if ((flags & fresh_only) == fresh_only) return Errc::exists;
        TRY(maker.check(*found));
        sched::MutexGuard object_guard(found->mutex);
        TRY(found->check_access(flags & get_permissions));
        return found->id;
    }
    if (key != private_key && !(flags & get_create)) return Errc::not_found;
    RefPtr<Object> fresh = TRY(maker.make(key, flags));
    Object& made = *fresh;
    TRY(insert(std::move(fresh), limit));
    return made.id;
}

Result<RefPtr<Object>> ObjectTable::find(int id) {
    if (id < 0) return Errc::invalid;
    RefPtr<Object> found = TRY(at_index(id & static_cast<int>(most - 1)));
    if (found->id != id) return Errc::invalid;
    return found;
}

Result<RefPtr<Object>> ObjectTable::at_index(int index) {
    if (index < 0) return Errc::invalid;
    // A number does: its upper bits are not looked at.
    const std::uint32_t slot = static_cast<std::uint32_t>(index) & (most - 1);
    sched::SharedGuard guard(lock_);
    if (slot >= capacity_ || !slots_[slot]) return Errc::invalid;
    return RefPtr<Object>(slots_[slot]);
}

RefPtr<Object> ObjectTable::next(std::uint32_t& from) {
    sched::SharedGuard guard(lock_);
    while (from < capacity_)
        if (Object* object = slots_[from++]) return RefPtr<Object>(object);
    return nullptr;
}

void ObjectTable::forget_key(Object& object) {
    sched::ExclusiveGuard guard(lock_);
    if (object.hook.is_linked()) chain_of(object.key).remove(object);
    object.key = private_key;
}

void ObjectTable::remove(Object& object) {
    RefPtr<Object> keep; // goes after the lock
    sched::ExclusiveGuard guard(lock_);
    if (object.hook.is_linked()) chain_of(object.key).remove(object);
    Object*& slot = slots_[static_cast<std::uint32_t>(object.id) & (most - 1)];
    DRUPE_ASSERT(slot == &object);
    keep = RefPtr<Object>::adopt(std::exchange(slot, nullptr));
    count_--;
}

std::uint32_t ObjectTable::count() {
    sched::SharedGuard guard(lock_);
    return count_;
}

int ObjectTable::highest_index() {
    sched::SharedGuard guard(lock_);
    for (std::uint32_t i = capacity_; i-- > 0;)
        if (slots_[i]) return static_cast<int>(i);
    return 0;
}

} // namespace drupe::ipc
