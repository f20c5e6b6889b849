// SPDX-License-Identifier: BSD-2-Clause
// mlock and its family. Nothing is ever written out to make room, so memory that is present stays;
// what is locked is known for the limit, for those who ask, and for calls that refuse it.
#include "memory_call.h"

#include <drupe/syscall/handlers.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

using mm::AddressSpace;
using mm::Locked;

enum LockFlags : unsigned { lock_current = 1, lock_future = 2, lock_on_fault = 4 };

struct Range {
    VirtAddr at;
    PageCount pages;
};
/// Every page that has a byte of it. invalid: it wraps. no_memory: beyond the user half.
Result<Range> touched_pages(VirtAddr at, std::uint64_t bytes) {
    const VirtAddr first = align_down(untag(at), page_size);
    std::uint64_t whole = 0;
    if (__builtin_add_overflow(bytes, untag(at) - first, &whole) ||
        raw(first) + align_up(whole, page_size) < raw(first) || align_up(whole, page_size) < whole)
        return Errc::invalid;
    const PageCount pages = PageCount::covering(whole);
    if (first > AddressSpace::user_end || pages.n > (AddressSpace::user_end - first) >> page_shift)
        return Errc::no_memory;
    return Range{first, pages};
}

Result<void> check_permission() {
    const process::Process& self = process::current_process();
    const bool may =
        self.credentials.is_privileged() || self.limit(process::Resource::locked_memory).soft != 0;
    return may ? Result<void>{} : Errc::not_permitted;
}

Result<std::uint64_t> done(Result<void> outcome) {
    TRY(outcome);
    return std::uint64_t{0};
}

} // namespace

Result<std::uint64_t> mlock2(VirtAddr at, std::uint64_t bytes, int flags) {
    if ((flags & ~1) != 0) return Errc::invalid; // MLOCK_ONFAULT
    TRY(check_permission());
    const Range range = TRY(touched_pages(at, bytes));
    if (range.pages.n == 0) return std::uint64_t{0};
    AddressSpace& space = limited_space();
    TRY(space.set_locked(range.at, range.pages, flags != 0 ? Locked::on_fault : Locked::yes));
    const Result<void> in = space.bring_in(range.at, range.pages);
    if (in.ok()) return std::uint64_t{0};
    return in.error() == Errc::no_memory ? Errc::would_block : Errc::no_memory; // mlock(2)
}

Result<std::uint64_t> mlock(VirtAddr at, std::uint64_t bytes) { return mlock2(at, bytes, 0); }

Result<std::uint64_t> munlock(VirtAddr at, std::uint64_t bytes) {
    const Range range = TRY(touched_pages(at, bytes));
    if (range.pages.n == 0) return std::uint64_t{0};
    return done(limited_space().set_locked(range.at, range.pages, Locked::no));
}

Result<std::uint64_t> mlockall(int flags) {
    const auto bits = static_cast<unsigned>(flags);
    if (bits == 0 || (bits & ~(lock_current | lock_future | lock_on_fault)) != 0 ||
        bits == lock_on_fault)
        return Errc::invalid;
    TRY(check_permission());
    const Locked how = (bits & lock_on_fault) ? Locked::on_fault : Locked::yes;
    AddressSpace& space = limited_space();
    const auto current = (bits & lock_current) ? std::optional(how) : std::nullopt;
    TRY(space.lock_all(current, (bits & lock_future) ? how : Locked::no));
    // What cannot be brought in is locked all the same.
    if (current)
        (void)space
            .bring_in(AddressSpace::user_begin,
                      {(AddressSpace::user_end - AddressSpace::user_begin) >> page_shift})
            .ok();
    return std::uint64_t{0};
}

Result<std::uint64_t> munlockall() {
    return done(limited_space().lock_all(Locked::no, Locked::no));
}

} // namespace drupe::syscall
