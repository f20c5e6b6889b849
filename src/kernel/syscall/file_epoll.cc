// SPDX-License-Identifier: BSD-2-Clause
// epoll's calls.
#include "temporary_mask.h"

#include <drupe/time/clock.h>
#include <drupe/vfs/epoll.h>

#include <climits>

namespace drupe::syscall {

using namespace vfs;

Result<Word> epoll_create1(int flags) {
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (wanted & ~std::uint32_t{open_cloexec}) return Errc::invalid;
    TaskContext& who = caller();
    RefPtr<File> file = TRY(create_epoll_file());
    return Word{TRY(who.files->install(std::move(file), wanted != 0, who.max_descriptors))};
}

Result<Word> epoll_ctl(int epfd, int operation, int fd, VirtAddr event_at) {
    enum Operation : int { add = 1, remove = 2, modify = 3 };
    EpollEvent event{};
    if (operation != remove) event = TRY(arch::get_user<EpollEvent>(event_at));
    FileRef outer = file_at(epfd);
    FileRef file = file_at(fd);
    if (!outer || !file || outer->is_path_only() || file->is_path_only())
        return Errc::bad_descriptor;
    if (!file->can_poll()) return Errc::not_permitted;
    EpollFile* epoll = outer->as_epoll();
    if (!epoll || outer.get() == file.get()) return Errc::invalid;
    const auto number = static_cast<std::uint32_t>(fd);
    switch (operation) {
    case add: TRY(epoll->add(*file, number, event)); break;
    case remove: TRY(epoll->remove(*file, number)); break;
    case modify: TRY(epoll->modify(*file, number, event)); break;
    default: return Errc::invalid;
    }
    return Word{0};
}

namespace {

bool is_sensible(int most) {
    return most > 0 && most <= static_cast<int>(INT_MAX / sizeof(EpollEvent));
}

[[gnu::always_inline]] inline Result<Word> wait_at(EpollFile& epoll, VirtAddr events, int most,
                                                   Nanos deadline) {
    IoBuffer out = IoBuffer::user(events, static_cast<std::size_t>(most) * sizeof(EpollEvent));
    return Word{TRY(epoll.wait(out, deadline))};
}

/// Apart: who finds nothing ready and does not wait needs no buffer.
[[gnu::noinline]] Result<Word> wait_apart(EpollFile& epoll, VirtAddr events, int most,
                                          Nanos deadline) {
    return wait_at(epoll, events, most, deadline);
}

Result<Word> wait_on(int epfd, VirtAddr events, int most, Nanos deadline) {
    if (!is_sensible(most)) return Errc::invalid;
    FileRef file = file_at(epfd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    EpollFile* epoll = file->as_epoll();
    if (!epoll) return Errc::invalid;
    return wait_at(*epoll, events, most, deadline);
}

[[gnu::noinline]] Result<Word> wait_masked(int epfd, VirtAddr events, int most, Nanos deadline,
                                           VirtAddr mask, Word mask_size) {
    TemporaryMask temporary;
    TRY(temporary.set(mask, mask_size));
    const Result<Word> ready = wait_on(epfd, events, most, deadline);
    temporary.end(ready);
    return ready;
}

} // namespace

Result<Word> epoll_pwait(int epfd, VirtAddr events, int most, int timeout, VirtAddr mask,
                         Word mask_size) {
    if (timeout <= 0 && raw(mask) == 0) [[likely]] {
        // As wait_masked() does it, without what a shared table, a clock and a mask need.
        File* file = caller().files->get_uncounted(static_cast<std::uint32_t>(epfd));
        EpollFile* epoll = file ? file->as_epoll() : nullptr;
        if (epoll && is_sensible(most)) [[likely]] {
            if (timeout == 0 && !epoll->has_ready()) return Word{0};
            return wait_apart(*epoll, events, most, timeout < 0 ? Nanos::never() : Nanos{0});
        }
    }
    Nanos deadline = timeout < 0 ? Nanos::never() : Nanos{0};
    if (timeout > 0) deadline = Nanos{time::now().ns + std::int64_t{timeout} * 1'000'000};
    return wait_masked(epfd, events, most, deadline, mask, mask_size);
}

Result<Word> epoll_pwait2(int epfd, VirtAddr events, int most, VirtAddr timeout, VirtAddr mask,
                          Word mask_size) {
    return wait_masked(epfd, events, most, TRY(read_deadline(timeout)), mask, mask_size);
}

} // namespace drupe::syscall
