// SPDX-License-Identifier: BSD-2-Clause
// [linux] ipc/shm.c. The count of regions is kept by the regions themselves
// (mm::Region::is_counted).
#include <drupe/ipc/shared_memory.h>

#include <drupe/base/format.h>
#include <drupe/base/relaxed.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>
#include <drupe/process/user_usage.h>

namespace drupe::ipc {

constexpr std::uint64_t as_much_as_fits = UINT64_MAX - (1 << 24);
constinit MemoryLimits memory_limits{{as_much_as_fits}, {as_much_as_fits}, {4096}};

namespace {

constinit Relaxed<std::uint64_t> total_pages{0};

class SegmentPages final : public mm::VmObject {
public:
    explicit SegmentPages(PageCount pages) : pages_(pages) {}

private:
    std::uint64_t page_limit() const override { return pages_.n; }
    const PageCount pages_;
};

void remove_if_unused(Segment& segment) {
    {
        sched::MutexGuard guard(segment.mutex);
        if (segment.is_removed || !segment.has_served()) return;
        segment.is_removed = true;
    }
    const Result<ObjectTable*> table = table_of<Segment>();
    DRUPE_ASSERT(table.ok());
    table.value()->remove(segment);
}

void drop(Segment& segment) {
    if (segment.drop_use()) remove_if_unused(segment);
}

/// One attachment: what its regions, also after they were cut or copied, have in common.
class SegmentFile final : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    SegmentFile(vfs::Dentry& dentry, std::uint32_t flags, RefPtr<Segment> segment)
        : File(dentry, flags), segment_(std::move(segment)) {}
    const Segment& segment() const { return *segment_; }
    const void* tag() const override { return &class_tag; }
    void attach() override {
        segment_->add_use();
        segment_->attach_time = seconds_now();
        segment_->last_user = caller_pid();
    }
    void detach() override {
        segment_->detach_time = seconds_now();
        segment_->last_user = caller_pid();
        drop(*segment_);
    }

private:
    RefPtr<Segment> segment_;
};

SegmentFile* file_of(const mm::RegionInfo& region) {
    return region.file ? vfs::file_as<SegmentFile>(vfs::File::of(*region.file)) : nullptr;
}

class SegmentMaker final : public ObjectTable::Maker {
public:
    explicit SegmentMaker(std::uint64_t bytes) : bytes_(bytes) {}
    Result<RefPtr<Object>> make(Key key, std::uint32_t flags) override {
        if (bytes_ == 0 || bytes_ > memory_limits.bytes) return Errc::invalid;
        const PageCount pages = PageCount::covering(bytes_);
        if (pages.bytes() < bytes_) return Errc::no_space;
        const std::uint64_t all = total_pages.load() + pages.n;
        if (all < pages.n || all > memory_limits.pages) return Errc::no_space;
        if (flags & huge_pages) return Errc::no_memory; // there is no pool of them
        if (pages.n > mm::memory_total().n && !(flags & no_reserve)) return Errc::no_memory;
        RefPtr<mm::VmObject> memory = TRY(make_ref<SegmentPages>(pages));
        return RefPtr<Object>(TRY(make_ref<Segment>(key, flags, bytes_, std::move(memory))));
    }
    Result<void> check(const Object& found) override {
        return static_cast<const Segment&>(found).bytes < bytes_ ? Errc::invalid : Result<void>{};
    }

private:
    enum : std::uint32_t { huge_pages = 04000, no_reserve = 010000 };
    std::uint64_t bytes_;
};

RefPtr<Segment> as_segment(RefPtr<Object> object) {
    return RefPtr<Segment>::adopt(static_cast<Segment*>(object.leak()));
}

/// The place that `at` and the flags ask for.
Result<VirtAddr> check_place(VirtAddr at, std::uint32_t flags) {
    if (raw(at) == 0) return flags & attach_replace ? Result<VirtAddr>(Errc::invalid) : at;
    if (is_aligned(at, page_size)) return at;
    if (!(flags & attach_rounded)) return Errc::invalid;
    at = align_down(at, page_size);
    if (raw(at) == 0 && (flags & attach_replace)) return Errc::invalid;
    return at;
}

Result<VirtAddr> map(RefPtr<Segment> segment, VirtAddr at, std::uint32_t flags) {
    using arch::Perm;
    char text[32];
    const std::string_view name =
        format_into(text, "/SYSV{:08x} (deleted)", static_cast<std::uint32_t>(segment->key));
    const auto ino = static_cast<std::uint64_t>(segment->id);
    RefPtr<vfs::Dentry> dentry =
        TRY(vfs::create_anonymous(name, vfs::mode_regular | 0777, false, ino));
    const bool is_writable = !(flags & attach_read_only);
    const std::uint32_t access = is_writable ? vfs::open_read_write : vfs::open_read_only;
    mm::MapRequest request;
    request.at = at;
    request.pages = segment->page_count();
    request.perm = is_writable ? Perm::read | Perm::write : Perm::read;
    if (!is_writable) request.may = Perm::read | Perm::exec;
    if (flags & attach_executable) request.perm = request.perm | Perm::exec;
    request.sharing = mm::Sharing::shared;
    request.object = segment->pages;
    request.file = TRY(make_ref<SegmentFile>(*dentry, access, std::move(segment)));
    request.is_counted = true;
    if (raw(at) != 0)
        request.placement =
            flags & attach_replace ? mm::Placement::fixed : mm::Placement::fixed_free;
    Result<VirtAddr> placed = process::current_process().image->space().map(request);
    if (placed.error() == Errc::exists) return Errc::invalid;
    return placed;
}

} // namespace

Segment::Segment(Key k, std::uint32_t flags, std::uint64_t size, RefPtr<mm::VmObject> memory)
    : Object(k, flags), bytes(size), pages(std::move(memory)), creator(caller_pid()) {
    total_pages += page_count().n;
}
// Not analysed: nobody else knows it any more.
Segment::~Segment() NO_THREAD_SAFETY_ANALYSIS {
    unlock();
    total_pages -= page_count().n;
}

bool Segment::lock(std::uint64_t limit) {
    if (owner.mode & locked) return true;
    const std::uint32_t uid = process::current_process().credentials.uid;
    if (!process::use_more(uid, process::PerUser::locked_memory, page_count().bytes(), limit))
        return false;
    locked_uid_ = uid;
    owner.mode |= locked;
    return true;
}

void Segment::unlock() {
    if (!(owner.mode & locked)) return;
    process::use_less(locked_uid_, process::PerUser::locked_memory, page_count().bytes());
    owner.mode &= ~std::uint32_t{locked};
}

Result<int> get_segment(Key key, std::uint64_t bytes, std::uint32_t flags) {
    SegmentMaker maker(bytes);
    return TRY(table_of<Segment>())->get(key, flags, memory_limits.segments, maker);
}

Result<RefPtr<Segment>> find_segment(int id) {
    return as_segment(TRY(TRY(table_of<Segment>())->find(id)));
}

Result<RefPtr<Segment>> segment_at(int index) {
    return as_segment(TRY(TRY(table_of<Segment>())->at_index(index)));
}

RefPtr<Segment> next_segment(std::uint32_t& index) {
    const Result<ObjectTable*> table = table_of<Segment>();
    return table.ok() ? as_segment(table.value()->next(index)) : nullptr;
}

std::uint32_t segment_count() {
    const Result<ObjectTable*> table = table_of<Segment>();
    return table.ok() ? table.value()->count() : 0;
}

int highest_segment() {
    const Result<ObjectTable*> table = table_of<Segment>();
    return table.ok() ? table.value()->highest_index() : 0;
}

std::uint64_t pages_of_all_segments() { return total_pages.load(); }

Result<VirtAddr> attach(int id, VirtAddr at, std::uint32_t flags) {
    if (id < 0) return Errc::invalid;
    const VirtAddr place = TRY(check_place(at, flags));
    RefPtr<Segment> segment = TRY(find_segment(id));
    {
        sched::MutexGuard guard(segment->mutex);
        std::uint32_t wanted = want_read;
        if (!(flags & attach_read_only)) wanted |= want_write;
        if (flags & attach_executable) wanted |= want_execute;
        TRY(segment->check_access(wanted));
        if (segment->is_removed) return Errc::removed;
        segment->add_use(); // keeps it until its region counts for itself
    }
    const Result<VirtAddr> placed = map(segment, place, flags);
    drop(*segment);
    return placed;
}

Result<void> detach(VirtAddr at) {
    if (!is_aligned(at, page_size)) return Errc::invalid;
    mm::AddressSpace& space = process::current_process().image->space();
    RefPtr<mm::MappedFile> attachment; // of the first region that lies where its segment begins
    VirtAddr end = mm::AddressSpace::user_end;
    mm::RegionInfo region{};
    for (VirtAddr reached = at; reached < end && space.region_above(reached, region);
         reached = region.end) {
        const SegmentFile* file = file_of(region);
        if (!file || region.begin < at || (region.begin - at) >> page_shift != region.first_page ||
            (attachment && attachment != region.file))
            continue;
        if (!attachment) end = at + file->segment().page_count().bytes();
        attachment = region.file;
        TRY(space.unmap(region.begin, {(region.end - region.begin) >> page_shift}));
    }
    return attachment ? Result<void>{} : Errc::invalid;
}

Result<void> remove(Segment& segment) {
    {
        sched::MutexGuard guard(segment.mutex);
        TRY(segment.check_owner());
        if (segment.is_removed) return Errc::removed;
        segment.owner.mode |= Segment::doomed;
        segment.doom_it();
    }
    TRY(table_of<Segment>())->forget_key(segment);
    remove_if_unused(segment);
    return {};
}

} // namespace drupe::ipc
