// SPDX-License-Identifier: BSD-2-Clause
// mmap and its family. Flags and their refusals as [linux] mman-common.h, mm/mmap.c and
// mm/madvise.c have them on arm64.
#include "memory_call.h"

#include <drupe/arch/user_access.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

using arch::Perm;
using mm::AddressSpace;

enum Prot : unsigned {
    prot_read = 1,
    prot_write = 2,
    prot_exec = 4,
    prot_sem = 8,
    prot_bti = 0x10,
    prot_grows_down = 0x0100'0000,
    prot_grows_up = 0x0200'0000,
};
enum MapFlags : unsigned {
    map_type = 0xf,
    map_shared = 1,
    map_private = 2,
    map_shared_validate = 3,
    map_fixed = 0x10,
    map_anonymous = 0x20,
    map_grows_down = 0x100,
    map_locked = 0x2000,
    map_no_reserve = 0x4000,
    map_populate = 0x8000,
    map_nonblock = 0x10000,
    map_huge = 0x40000,
    map_fixed_no_replace = 0x100000,
    // Known to MAP_SHARED_VALIDATE: all of the above, MAP_DENYWRITE, MAP_EXECUTABLE, MAP_STACK and
    // the size bits of MAP_HUGETLB. MAP_SYNC is for persistent memory.
    map_known = 0xfc17'f93f,
};
enum RemapFlags : unsigned { remap_may_move = 1, remap_fixed = 2 };
enum SyncFlags : unsigned { sync_async = 1, sync_invalidate = 2, sync_sync = 4 };

AddressSpace& space() { return process::current_process().image->space(); }

Perm perm_of(unsigned prot) {
    Perm perm = Perm::none;
    if (prot & prot_read) perm = perm | Perm::read;
    if (prot & prot_write) perm = perm | Perm::write;
    if (prot & prot_exec) perm = perm | Perm::exec;
    return perm;
}

struct Range {
    VirtAddr at;
    PageCount pages;
};
/// The pages of [at, at + bytes). invalid: `at` is not aligned. no_memory: beyond the user half.
Result<Range> page_range(VirtAddr at, std::uint64_t bytes) {
    at = untag(at);
    if (!is_aligned(at, page_size)) return Errc::invalid;
    const PageCount pages = PageCount::covering(bytes);
    if (at > AddressSpace::user_end || pages.n > (AddressSpace::user_end - at) >> page_shift)
        return Errc::no_memory;
    return Range{at, pages};
}

/// The file part of a mapping's request.
Result<void> map_file(mm::MapRequest& request, const vfs::FileRef& file, std::uint64_t offset) {
    const bool shared = request.sharing == mm::Sharing::shared;
    if (!file->is_readable()) return Errc::access;
    if (shared && !file->is_writable()) {
        if (has(request.perm, Perm::write)) return Errc::access;
        request.may = arch::without(request.may, Perm::write);
    }
    if (request.grows_down) return Errc::invalid;
    request.object = TRY(file->mappable(shared, has(request.may, Perm::write)));
    if (request.object) request.file = RefPtr<mm::MappedFile>(file.get());
    request.first_page = offset >> page_shift;
    request.is_counted = shared && has(request.may, Perm::write) && file->hears_of_mappings();
    request.tells_writes = shared && has(request.may, Perm::write) && file->tells_mapped_writes();
    return {};
}

Result<void> decode_flags(mm::MapRequest& request, unsigned flags) {
    switch (flags & map_type) {
    case map_private: request.sharing = mm::Sharing::private_copy; break;
    case map_shared_validate:
        if ((flags & ~map_known) != 0) return Errc::not_supported;
        [[fallthrough]];
    case map_shared: request.sharing = mm::Sharing::shared; break;
    default: return Errc::invalid;
    }
    if (flags & map_huge) return Errc::no_memory; // there is no pool of huge pages
    if (flags & map_fixed_no_replace)
        request.placement = mm::Placement::fixed_free;
    else if (flags & map_fixed)
        request.placement = mm::Placement::fixed;
    request.grows_down = (flags & map_grows_down) != 0;
    if (request.grows_down && request.sharing == mm::Sharing::shared) return Errc::invalid;
    request.no_reserve = (flags & map_no_reserve) != 0;
    request.populate = (flags & (map_populate | map_nonblock)) == map_populate;
    if (flags & map_locked) {
        const process::Process& self = process::current_process();
        if (!self.credentials.is_privileged() &&
            self.limit(process::Resource::locked_memory).soft == 0)
            return Errc::not_permitted;
        request.locked = mm::Locked::yes;
    }
    return {};
}

Result<void> drop_range(AddressSpace& space, const Range& range, bool only_anonymous) {
    if (only_anonymous) { // MADV_FREE: what may be lost at any moment may be lost now
        mm::RegionInfo info{};
        const VirtAddr end = range.at + range.pages.bytes();
        for (VirtAddr at = range.at; at < end && space.region_above(at, info) && info.begin < end;
             at = info.end)
            if (info.object || info.sharing == mm::Sharing::shared) return Errc::invalid;
    }
    return space.discard(range.at, range.pages);
}

Result<void> populate_range(AddressSpace& space, const Range& range, arch::Access access) {
    if (!space.is_mapped(range.at, range.pages)) return Errc::no_memory;
    mm::RegionInfo info{};
    const Perm needed = access == arch::Access::write ? Perm::write : Perm::read;
    const VirtAddr end = range.at + range.pages.bytes();
    for (VirtAddr at = range.at; at < end && space.region_above(at, info); at = info.end)
        if (!has(info.perm, needed)) return Errc::invalid;
    return space.populate(range.at, range.pages, access);
}

enum Advice : int {
    advice_normal,
    advice_random,
    advice_sequential,
    advice_will_need,
    advice_dont_need,
    advice_free = 8,
    advice_remove,
    advice_dont_fork,
    advice_do_fork,
    advice_mergeable,
    advice_unmergeable,
    advice_huge_page,
    advice_no_huge_page,
    advice_dont_dump,
    advice_do_dump,
    advice_wipe_on_fork,
    advice_keep_on_fork,
    advice_cold,
    advice_page_out,
    advice_populate_read,
    advice_populate_write,
    advice_dont_need_locked,
};

/// msync with MS_INVALIDATE, and advice that lets pages go, are not for locked memory.
bool has_locked(AddressSpace& space, const Range& range) {
    mm::RegionInfo info{};
    const VirtAddr end = range.at + range.pages.bytes();
    for (VirtAddr at = range.at; at < end && space.region_above(at, info) && info.begin < end;
         at = info.end)
        if (info.locked != mm::Locked::no) return true;
    return false;
}

Result<void> advise(AddressSpace& space, const Range& range, int advice) {
    const bool lets_go = advice == advice_dont_need || advice == advice_free ||
                         advice == advice_cold || advice == advice_page_out;
    if (lets_go && has_locked(space, range)) return Errc::invalid;
    switch (advice) {
    // Hints about what is not done here: only the range has to be right.
    case advice_normal:
    case advice_random:
    case advice_sequential:
    case advice_will_need:
    case advice_mergeable:
    case advice_unmergeable:
    case advice_huge_page:
    case advice_no_huge_page:
    case advice_cold:
    case advice_page_out:
        return space.is_mapped(range.at, range.pages) ? Result<void>{} : Errc::no_memory;
    case advice_dont_need:
    case advice_dont_need_locked: return drop_range(space, range, false);
    case advice_free: return drop_range(space, range, true);
    case advice_dont_dump: return space.set_dumped(range.at, range.pages, false);
    case advice_do_dump: return space.set_dumped(range.at, range.pages, true);
    case advice_dont_fork: return space.set_at_fork(range.at, range.pages, mm::AtFork::skip);
    case advice_do_fork:
    case advice_keep_on_fork: return space.set_at_fork(range.at, range.pages, mm::AtFork::copy);
    case advice_wipe_on_fork: return space.set_at_fork(range.at, range.pages, mm::AtFork::wipe);
    case advice_populate_read: return populate_range(space, range, arch::Access::read);
    case advice_populate_write: return populate_range(space, range, arch::Access::write);
    default: return Errc::invalid;
    }
}

Result<std::uint64_t> done(Result<void> outcome) {
    if (!outcome) return outcome.error();
    return std::uint64_t{0};
}

} // namespace

AddressSpace& limited_space() {
    const process::Process& process = process::current_process();
    AddressSpace& space = process.image->space();
    const auto soft = [&](process::Resource r) { return process.limit(r).soft; };
    space.set_limits({.address_space = soft(process::Resource::address_space),
                      .data = soft(process::Resource::data),
                      .stack = soft(process::Resource::stack),
                      .locked = process.credentials.is_privileged()
                                    ? UINT64_MAX
                                    : soft(process::Resource::locked_memory)});
    return space;
}

Result<std::uint64_t> mmap(VirtAddr at, std::uint64_t bytes, int prot, int flags, int fd,
                           std::int64_t offset) {
    const auto flag_bits = static_cast<unsigned>(flags);
    if (!is_aligned(offset, page_size)) return Errc::invalid;
    const bool anonymous = (flag_bits & map_anonymous) != 0;
    const vfs::FileRef file =
        anonymous ? vfs::FileRef(nullptr, false)
                  : process::current_context().files->get(static_cast<std::uint32_t>(fd));
    if (!anonymous && (!file || file->is_path_only())) return Errc::bad_descriptor;
    if (bytes == 0) return Errc::invalid;
    const PageCount pages = PageCount::covering(bytes);
    if (pages.n > raw(AddressSpace::user_end) >> page_shift) return Errc::no_memory;
    const auto first = static_cast<std::uint64_t>(offset) >> page_shift;
    if (first + pages.n > mm::PageIndex::limit * 2) return Errc::overflow;
    mm::MapRequest request;
    request.at = at;
    request.pages = pages;
    request.perm = perm_of(static_cast<unsigned>(prot));
    TRY(decode_flags(request, flag_bits));
    if (file) TRY(map_file(request, file, static_cast<std::uint64_t>(offset)));
    if (request.placement == mm::Placement::anywhere) request.at = align_down(at, page_size);
    return raw(TRY(limited_space().map(request)));
}

Result<std::uint64_t> munmap(VirtAddr at, std::uint64_t bytes) {
    const auto range = page_range(at, bytes);
    if (!range || range.value().pages.n == 0) return Errc::invalid;
    return done(space().unmap(range.value().at, range.value().pages));
}

Result<std::uint64_t> mprotect(VirtAddr at, std::uint64_t bytes, int prot) {
    auto bits = static_cast<unsigned>(prot);
    const unsigned grows = bits & (prot_grows_down | prot_grows_up);
    bits &= ~grows;
    if (grows == (prot_grows_down | prot_grows_up)) return Errc::invalid;
    Range range = TRY(page_range(at, bytes));
    if (range.pages.n == 0) return std::uint64_t{0};
    if ((bits & ~(prot_read | prot_write | prot_exec | prot_sem | prot_bti)) != 0)
        return Errc::invalid;
    AddressSpace& target = space();
    if (grows == prot_grows_up) return Errc::invalid; // no stack grows that way here
    if (grows == prot_grows_down) {
        const VirtAddr begin = TRY(target.stack_begin(range.at));
        range = {begin,
                 {range.pages.n + (range.at > begin ? (range.at - begin) >> page_shift : 0)}};
    }
    return done(target.protect(range.at, range.pages, perm_of(bits)));
}

Result<std::uint64_t> pkey_mprotect(VirtAddr at, std::uint64_t bytes, int prot, int key) {
    if (key != -1) return Errc::invalid; // this machine has no protection keys
    return mprotect(at, bytes, prot);
}

Result<std::uint64_t> mremap(VirtAddr at, std::uint64_t old_bytes, std::uint64_t new_bytes,
                             std::uint32_t flags, VirtAddr target) {
    if ((flags & ~(remap_may_move | remap_fixed)) != 0) return Errc::invalid;
    const bool fixed = (flags & remap_fixed) != 0;
    if (fixed && (flags & remap_may_move) == 0) return Errc::invalid;
    if (fixed && raw(target) == 0) return Errc::invalid;
    AddressSpace& target_space = limited_space();
    const PageCount pages = PageCount::covering(new_bytes);
    const VirtAddr moved =
        TRY(target_space.remap(untag(at), PageCount::covering(old_bytes), pages,
                               (flags & remap_may_move) != 0, fixed ? target : VirtAddr{0}));
    (void)target_space.bring_in(moved, pages).ok(); // as much as it can
    return raw(moved);
}

Result<std::uint64_t> brk(VirtAddr wanted) {
    AddressSpace& target = limited_space();
    const VirtAddr now = target.set_break(wanted);
    if (target.locks_future()) [[unlikely]]
        (void)target.bring_in(target.break_start(), PageCount::covering(now - target.break_start()))
            .ok();
    return raw(now);
}

Result<std::uint64_t> madvise(VirtAddr at, std::uint64_t bytes, int advice) {
    const auto range = page_range(at, bytes);
    if (!range) return range.error();
    // An unknown advice is refused even for no bytes.
    if (range.value().pages.n == 0)
        return advice >= 0 && advice <= advice_dont_need_locked && !(advice > 4 && advice < 8)
                   ? Result<std::uint64_t>{0}
                   : Errc::invalid;
    return done(advise(space(), range.value(), advice));
}

Result<std::uint64_t> msync(VirtAddr at, std::uint64_t bytes, int flags) {
    const auto bits = static_cast<unsigned>(flags);
    if ((bits & ~(sync_async | sync_invalidate | sync_sync)) != 0) return Errc::invalid;
    if ((bits & sync_async) && (bits & sync_sync)) return Errc::invalid;
    const Range range = TRY(page_range(at, bytes));
    if (range.pages.n == 0) return std::uint64_t{0};
    AddressSpace& target = space();
    if ((bits & sync_invalidate) && has_locked(target, range)) return Errc::busy;
    if (bits & sync_sync) return done(target.write_back(range.at, range.pages));
    return done(target.is_mapped(range.at, range.pages) ? Result<void>{} : Errc::no_memory);
}

Result<std::uint64_t> mincore(VirtAddr at, std::uint64_t bytes, VirtAddr vector) {
    const Range range = TRY(page_range(at, bytes));
    constexpr std::size_t step = 256;
    for (std::size_t first = 0; first < range.pages.n; first += step) {
        char present[step] = {};
        const PageCount pages{std::min(step, range.pages.n - first)};
        TRY(space().for_each_present(range.at + (first << page_shift), pages,
                                     [&](std::size_t i) { present[i] = 1; }));
        TRY(arch::copy_to_user(vector + first, present, pages.n));
    }
    return std::uint64_t{0};
}

} // namespace drupe::syscall
