// SPDX-License-Identifier: BSD-2-Clause
// [linux] fs/notify: watches, found by their inodes, and the events that wait to be read. One lock
// over all of it: only what is watched takes it.
#include <drupe/base/made_once.h>
#include <drupe/vfs/inotify.h>
#include <drupe/vfs/notify.h>

#include "tree_lock.h"

#include <drupe/arch/user_access.h>
#include <drupe/vfs/file_system.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::vfs {

constinit InotifyLimits inotify_limits;

/// struct inotify_event; the name follows, padded with zeros to a multiple of this.
struct UserEvent {
    std::int32_t watch;
    std::uint32_t mask, cookie, length;
};
static_assert(sizeof(UserEvent) == 16);

struct InotifyFile::Event {
    static Event* create(int number, std::uint32_t mask, std::uint32_t cookie,
                         std::string_view name);
    static void destroy(Event* event);
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    std::string_view name() { return {bytes(), name_length}; }
    std::size_t size() const { return sizeof user + user.length; }
    /// Its size, when all of it could be put.
    Result<std::size_t> put(IoBuffer& buffer);
    ListHook hook;
    UserEvent user;
    std::uint32_t name_length;
};

struct InotifyFile::Watch {
    ListHook inode_hook, file_hook;
    InotifyFile* owner;
    Inode* inode;
    RefPtr<Inode> keep; // where inodes go while they have names
    int number;
    std::uint32_t mask;
};

/// Who has files here; goes with the last.
struct InotifyFile::User {
    static Result<User*> enter_locked(std::uint32_t uid, OwnPtr<User>& fresh);
    void leave_locked(OwnPtr<User>& gone);
    std::uint32_t uid = 0, files = 0, watches = 0;
    User* next = nullptr;
    static inline constinit User* first = nullptr; // of all, under `lock`
};

struct InotifyFile::Lists {
    IntrusiveList<Event, &Event::hook> events;
    IntrusiveList<Watch, &Watch::file_hook> watches; // by their numbers
};

namespace {

constinit SpinLock<LockRank::notify> lock;
/// Counted under `lock`; what is read without it is a guess.
constinit std::atomic<std::uint32_t> watches{0}, cookies{0};

} // namespace

/// The watches by inode, and what happens to them. Under `lock`.
class WatchTable {
public:
    using Watch = InotifyFile::Watch;
    using Chain = IntrusiveList<Watch, &Watch::inode_hook>;
    /// Watches to destroy once no lock is held: an inode may go with them.
    struct Doomed {
        IntrusiveList<Watch, &Watch::inode_hook> list;
        ~Doomed() {
            while (Watch* watch = list.pop_front()) delete watch;
        }
    };

    /// Made at the first watch.
    static Result<WatchTable*> get() { return table_.get_or_make(); }
    static WatchTable* made() { return table_.get(); }

    Watch* find(const InotifyFile& owner, const Inode& inode) REQUIRES(lock);
    void insert(Watch& watch) REQUIRES(lock);
    void take_out(Watch& watch, Doomed& doomed) REQUIRES(lock);
    /// Takes it out, and says so.
    void end(Watch& watch, Doomed& doomed) REQUIRES(lock);
    struct What {
        std::uint32_t event;
        std::uint32_t cookie = 0;
        std::string_view name{};
        bool is_unlinked = false;
    };
    void deliver(Inode& inode, const What& what, Doomed& doomed) REQUIRES(lock);
    void inode_gone(Inode& inode, Doomed& doomed) REQUIRES(lock);

private:
    static constexpr std::size_t chains = 64;
    Chain& chain_of(const Inode& inode) {
        return chains_[(reinterpret_cast<std::uintptr_t>(&inode) >> 6) * 0x9e3779b1u >> 26 &
                       (chains - 1)];
    }
    static inline constinit MadeOnce<WatchTable> table_;
    Chain chains_[chains];
};

InotifyFile::Watch* WatchTable::find(const InotifyFile& owner, const Inode& inode) {
    for (Watch& watch : chain_of(inode))
        if (watch.inode == &inode && watch.owner == &owner) return &watch;
    return nullptr;
}

void WatchTable::insert(Watch& watch) {
    chain_of(*watch.inode).push_back(watch);
    watch.inode->set_watched(Inode::watched_itself);
    watch.owner->lists_->watches.push_back(watch);
    watch.owner->user_->watches++;
    watches.fetch_add(1, std::memory_order_relaxed);
}

void WatchTable::take_out(Watch& watch, Doomed& doomed) {
    Chain& chain = chain_of(*watch.inode);
    chain.remove(watch);
    watch.owner->lists_->watches.remove(watch);
    watch.owner->user_->watches--;
    watches.fetch_sub(1, std::memory_order_relaxed);
    bool is_last = true;
    for (Watch& other : chain) is_last = is_last && other.inode != watch.inode;
    if (is_last) watch.inode->clear_watched(Inode::watched_itself);
    doomed.list.push_back(watch);
}

void WatchTable::end(Watch& watch, Doomed& doomed) {
    watch.owner->queue(watch.number, notify_ignored, 0, {});
    take_out(watch, doomed);
}

void WatchTable::deliver(Inode& inode, const What& what, Doomed& doomed) {
    Chain& chain = chain_of(inode);
    for (Watch* next = chain.front(); next;) {
        Watch& watch = *next;
        next = chain.next(watch);
        if (watch.inode != &inode || !(watch.mask & what.event & notify_all)) continue;
        if (what.is_unlinked && (watch.mask & InotifyFile::excludes_unlinked)) continue;
        std::uint32_t mask = what.event;
        if (mask & (notify_move_self | notify_delete_self))
            mask &= ~std::uint32_t{notify_directory};
        watch.owner->queue(watch.number, mask, what.cookie, what.name);
        if (watch.mask & InotifyFile::once) end(watch, doomed);
    }
}

void WatchTable::inode_gone(Inode& inode, Doomed& doomed) {
    deliver(inode, {.event = inode.nlink() == 0 ? notify_delete_self : notify_unmount}, doomed);
    Chain& chain = chain_of(inode);
    for (Watch* next = chain.front(); next;) {
        Watch& watch = *next;
        next = chain.next(watch);
        if (watch.inode == &inode) end(watch, doomed);
    }
}

namespace {

std::uint32_t with_kind(const Inode& inode, std::uint32_t event) {
    return inode.is_directory() ? event | notify_directory : event;
}

/// The name a file was reached by, safe against a rename meanwhile.
struct NameCopy {
    char text[max_name];
    std::size_t length;
    explicit NameCopy(const Dentry& dentry) {
        SpinGuard guard(tree_lock);
        length = dentry.name().copy(text, sizeof text);
    }
};

/// Marks what lies in a directory, so that its events are looked at.
class MarkChildren final : public DirectorySink {
public:
    explicit MarkChildren(Dentry& directory) : directory_(directory) {}
    bool add(std::string_view name, std::uint64_t, std::uint8_t, std::uint64_t) override {
        if (RefPtr<Dentry> child = DentryTable::lookup(directory_, Name(name)))
            child->inode()->set_watched(Inode::watched_as_child);
        return true;
    }

private:
    Dentry& directory_;
};

} // namespace

void notify_dentry_slowly(const Dentry& dentry, std::uint32_t event) {
    WatchTable* table = WatchTable::made();
    if (!table || watches.load(std::memory_order_relaxed) == 0) return;
    Inode& inode = *dentry.inode();
    event = with_kind(inode, event);
    WatchTable::Doomed doomed;
    RefPtr<Dentry> parent = dentry.parent();
    const NameCopy name(dentry);
    SpinGuard guard(lock);
    if (parent.get() != &dentry)
        table->deliver(*parent->inode(),
                       {.event = event,
                        .name = {name.text, name.length},
                        .is_unlinked = dentry.fs().keeps_entries() && !dentry.is_in_table()},
                       doomed);
    table->deliver(inode, {.event = event}, doomed);
}

void notify_inode_slowly(Inode& inode, std::uint32_t event) {
    WatchTable* table = WatchTable::made();
    if (!table) return;
    WatchTable::Doomed doomed;
    SpinGuard guard(lock);
    table->deliver(inode, {.event = with_kind(inode, event)}, doomed);
}

void notify_name_slowly(Inode& directory, std::string_view name, std::uint32_t event,
                        std::uint32_t cookie) {
    WatchTable* table = WatchTable::made();
    if (!table) return;
    WatchTable::Doomed doomed;
    SpinGuard guard(lock);
    table->deliver(directory, {.event = event, .cookie = cookie, .name = name}, doomed);
}

void notify_new_name_slowly(Inode& directory, const Dentry& entry, std::uint32_t event,
                            std::uint32_t cookie) {
    entry.inode()->set_watched(Inode::watched_as_child);
    notify_name_slowly(directory, entry.name(), with_kind(*entry.inode(), event), cookie);
}

std::uint32_t next_notify_cookie() { return cookies.fetch_add(1, std::memory_order_relaxed) + 1; }

void notify_gone(Inode& inode) {
    WatchTable* table = WatchTable::made();
    if (!table) return;
    WatchTable::Doomed doomed;
    SpinGuard guard(lock);
    table->inode_gone(inode, doomed);
}

InotifyFile::Event* InotifyFile::Event::create(int number, std::uint32_t mask, std::uint32_t cookie,
                                               std::string_view name) {
    const std::size_t padded =
        name.empty() ? 0
                     : (name.size() + sizeof(UserEvent)) / sizeof(UserEvent) * sizeof(UserEvent);
    void* memory = ::operator new(sizeof(Event) + padded, std::nothrow);
    if (!memory) return nullptr;
    auto* event = new (memory) Event;
    event->user = {number, mask, cookie, static_cast<std::uint32_t>(padded)};
    event->name_length = static_cast<std::uint32_t>(name.size());
    std::memset(event->bytes(), 0, padded);
    name.copy(event->bytes(), name.size());
    return event;
}

Result<std::size_t> InotifyFile::Event::put(IoBuffer& buffer) {
    TRY(buffer.put(&user, sizeof user));
    if (user.length != 0) TRY(buffer.put(bytes(), user.length));
    return size();
}

void InotifyFile::Event::destroy(Event* event) {
    event->~Event();
    ::operator delete(event);
}

// What cannot be kept is said to be lost: a place is left for that.
void InotifyFile::queue(int number, std::uint32_t mask, std::uint32_t cookie,
                        std::string_view name) {
    if (Event* last = lists_->events.back())
        if (last->user.mask == mask && last->user.watch == number && last->name() == name &&
            !(mask & notify_ignored))
            return;
    const std::uint32_t limit = inotify_limits.events.load();
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    if (count > limit) return;
    Event* event = count < limit ? Event::create(number, mask, cookie, name)
                                 : Event::create(-1, notify_overflow, 0, {});
    if (!event) return;
    lists_->events.push_back(*event);
    count_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(static_cast<std::uint32_t>(event->size()), std::memory_order_relaxed);
    readable_.wake_all(poll_in | poll_rdnorm);
    async_.tell(AsyncEvent::in);
}

InotifyFile::Event* InotifyFile::take(std::size_t room, bool& too_small) {
    Event* event = lists_->events.front();
    if (!event) return nullptr;
    too_small = event->size() > room;
    if (too_small) return nullptr;
    lists_->events.remove(*event);
    count_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(static_cast<std::uint32_t>(event->size()), std::memory_order_relaxed);
    return event;
}

InotifyFile::InotifyFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}

/// One file more. `fresh` is used when the user has none yet. too_many_files.
Result<InotifyFile::User*> InotifyFile::User::enter_locked(std::uint32_t uid, OwnPtr<User>& fresh) {
    User* user = first;
    while (user && user->uid != uid) user = user->next;
    const std::uint32_t limit = inotify_limits.instances.load();
    if ((user ? user->files : 0) >= limit) return Errc::too_many_files;
    if (!user) {
        user = fresh.leak();
        user->uid = uid;
        user->next = first;
        first = user;
    }
    user->files++;
    return user;
}

void InotifyFile::User::leave_locked(OwnPtr<User>& gone) {
    if (--files != 0) return;
    User** at = &first;
    while (*at != this) at = &(*at)->next;
    *at = next;
    gone = OwnPtr<User>(this);
}

InotifyFile::~InotifyFile() {
    async_.remove(*this);
    if (!user_) return; // it was never whole
    WatchTable::Doomed doomed;
    OwnPtr<User> gone; // these go after the lock
    SpinGuard guard(lock);
    while (Watch* watch = lists_->watches.front()) WatchTable::made()->take_out(*watch, doomed);
    while (Event* event = lists_->events.pop_front()) Event::destroy(event);
    user_->leave_locked(gone);
}

Result<RefPtr<File>> InotifyFile::create(std::uint32_t flags, std::uint32_t uid) {
    TRY(WatchTable::get());
    OwnPtr<Lists> lists = TRY(make_own<Lists>());
    RefPtr<Dentry> dentry = TRY(create_anonymous("anon_inode:inotify", 0600, false));
    RefPtr<InotifyFile> file = TRY(make_ref<InotifyFile>(*dentry, flags));
    file->lists_ = std::move(lists);
    OwnPtr<User> fresh = TRY(make_own<User>());
    {
        SpinGuard guard(lock);
        file->user_ = TRY(User::enter_locked(uid, fresh));
    }
    return RefPtr<File>(std::move(file));
}

Result<int> InotifyFile::watch(Dentry& dentry, std::uint32_t mask) {
    Inode& inode = *dentry.inode();
    constexpr std::uint32_t kept = std::uint32_t{notify_all} | excludes_unlinked | once;
    WatchTable& table = *WatchTable::made();
    OwnPtr<Watch> fresh = TRY(make_own<Watch>());
    sched::MutexGuard directory(inode.mutex()); // nothing comes into it meanwhile
    {
        SpinGuard guard(lock);
        if (Watch* known = table.find(*this, inode)) {
            if (mask & keeps_existing) return Errc::exists;
            known->mask = (mask & adds ? known->mask : 0) | (mask & kept);
            return known->number;
        }
        if (user_->watches >= inotify_limits.watches.load() || last_number_ == INT32_MAX)
            return Errc::no_space;
        fresh->owner = this;
        fresh->inode = &inode;
        if (!inode.fs().keeps_entries()) fresh->keep = RefPtr<Inode>(&inode);
        fresh->number = ++last_number_;
        fresh->mask = mask & kept;
        table.insert(*fresh);
    }
    const int number = fresh.leak()->number;
    if (inode.is_directory()) {
        MarkChildren mark(dentry);
        (void)inode.iterate(dentry, 2, mark).ok();
    }
    return number;
}

Result<void> InotifyFile::forget(int number) {
    WatchTable::Doomed doomed;
    SpinGuard guard(lock);
    for (Watch& watch : lists_->watches)
        if (watch.number == number) {
            WatchTable::made()->end(watch, doomed);
            return {};
        }
    return Errc::invalid;
}

Result<std::size_t> InotifyFile::read(IoBuffer& buffer) {
    std::size_t moved = 0;
    for (;;) {
        bool too_small = false;
        Event* event = nullptr;
        {
            SpinGuard guard(lock);
            event = take(buffer.size(), too_small);
        }
        if (event) {
            Result<std::size_t> put = event->put(buffer);
            Event::destroy(event);
            if (!put.ok()) return put.error();
            moved += put.value();
            continue;
        }
        if (moved != 0) return moved;
        if (too_small) return Errc::invalid;
        if (is_nonblocking()) return Errc::would_block;
        TRY(readable_.wait_until([this] { return count_.load(std::memory_order_relaxed) != 0; }));
    }
}

std::uint32_t InotifyFile::poll(PollWatcher* watcher) {
    if (watcher) watcher->watch(readable_);
    return count_.load(std::memory_order_relaxed) != 0 ? poll_in | poll_rdnorm : 0u;
}

Result<std::uint64_t> InotifyFile::ioctl(std::uint32_t request, std::uint64_t argument) {
    constexpr std::uint32_t fionread = 0x541b;
    if (request != fionread) return Errc::not_terminal;
    TRY(arch::put_user(VirtAddr{argument},
                       static_cast<std::int32_t>(bytes_.load(std::memory_order_relaxed))));
    return std::uint64_t{0};
}

bool InotifyFile::next_report(int after, Report& out) {
    SpinGuard guard(lock);
    for (Watch& watch : lists_->watches) {
        if (watch.number <= after) continue;
        out = {watch.number, watch.inode->ino(), watch.inode->fs().device(), watch.mask};
        return true;
    }
    return false;
}

} // namespace drupe::vfs
