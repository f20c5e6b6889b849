// SPDX-License-Identifier: BSD-2-Clause
// ppoll and pselect6. A first round asks every file without waiting; only when none is ready does
// a second one put waiters on their queues.
#include "file_call.h"
#include "poll_wait.h"
#include "temporary_mask.h"

#include <drupe/time/clock.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::syscall {

using namespace vfs;

namespace {

struct UserPoll {
    std::int32_t fd;
    std::int16_t events, returned;
};

struct UserTimespec {
    std::int64_t seconds, nanoseconds;
};

} // namespace

Result<Nanos> read_deadline(VirtAddr at) {
    if (raw(at) == 0) return Nanos::never();
    const auto t = TRY(arch::get_user<UserTimespec>(at));
    if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds > 999'999'999) return Errc::invalid;
    if (t.seconds == 0 && t.nanoseconds == 0) return Nanos{0};
    constexpr std::int64_t most_seconds = INT64_MAX / 1'000'000'000 - 1;
    std::int64_t sum = 0;
    if (t.seconds > most_seconds ||
        __builtin_add_overflow(t.seconds * 1'000'000'000 + t.nanoseconds, time::now().ns, &sum))
        return Nanos::never();
    return Nanos{sum};
}

namespace {

/// What is left goes back to the program, as Linux does; a bad address is no error by now.
void write_left(VirtAddr at, Nanos deadline) {
    if (raw(at) == 0 || deadline == Nanos::never()) return;
    const std::int64_t left =
        deadline.ns == 0 ? 0 : std::max<std::int64_t>(0, (deadline - time::now()).ns);
    (void)arch::put_user(at, UserTimespec{left / 1'000'000'000, left % 1'000'000'000});
}

/// One poll call: what to ask, and the files that are held while waiting.
class Poll {
public:
    Poll(UserPoll* entries, std::uint32_t count) : entries_(entries), count_(count) {}
    ~Poll() {
        wait_.clear();
        for (std::uint32_t i = 0; i < count_ && held_; i++) held_[i] = nullptr;
        delete[] held_;
    }
    Poll(const Poll&) = delete;
    Poll& operator=(const Poll&) = delete;

    Result<Word> run(Nanos deadline) {
        Word ready = ask_all(nullptr);
        if (ready != 0 || deadline.ns == 0) return ready;
        held_ = new (std::nothrow) RefPtr<File>[count_ + 1];
        if (!held_) return Errc::no_memory;
        ready = ask_all(&wait_);
        for (;;) {
            if (wait_.failed()) return Errc::no_memory;
            if (ready != 0) return ready;
            bool is_ready = false;
            TRY(wait_.wait_for(deadline, is_ready));
            wait_.rearm();
            ready = ask_all(nullptr);
            if (!is_ready) return ready;
        }
    }

private:
    Word ask_all(PollWatcher* watcher) {
        Word ready = 0;
        for (std::uint32_t i = 0; i < count_; i++) {
            UserPoll& entry = entries_[i];
            entry.returned = 0;
            if (entry.fd < 0) continue;
            const std::uint32_t events = ask(i, entry, watcher);
            constexpr std::uint32_t always = poll_err | poll_hup | poll_invalid;
            entry.returned = static_cast<std::int16_t>(
                events & (static_cast<std::uint16_t>(entry.events) | always));
            if (entry.returned != 0) ready++;
        }
        return ready;
    }

    std::uint32_t ask(std::uint32_t i, const UserPoll& entry, PollWatcher* watcher) {
        if (held_ && held_[i]) return held_[i]->poll(watcher);
        FdTable& files = *caller().files;
        if (!watcher) {
            FileRef file = files.get(static_cast<std::uint32_t>(entry.fd));
            if (!file || file->is_path_only()) return poll_invalid;
            return file->poll(nullptr);
        }
        held_[i] = files.get_ref(static_cast<std::uint32_t>(entry.fd));
        if (!held_[i] || held_[i]->is_path_only()) return poll_invalid;
        return held_[i]->poll(watcher);
    }

    UserPoll* entries_;
    std::uint32_t count_;
    RefPtr<File>* held_ = nullptr;
    PollWait wait_;
};

/// Entries on the stack when few.
class PollEntries {
public:
    ~PollEntries() {
        if (entries_ != few_) ::operator delete(entries_);
    }
    Result<void> reserve(std::size_t count) {
        if (count <= few) return {};
        auto* memory =
            static_cast<UserPoll*>(::operator new(count * sizeof(UserPoll), std::nothrow));
        if (!memory) return Errc::no_memory;
        entries_ = memory;
        return {};
    }
    UserPoll* get() { return entries_; }

private:
    static constexpr std::size_t few = 16;
    UserPoll few_[few];
    UserPoll* entries_ = few_;
};

[[gnu::noinline]] Result<Word> poll_user(VirtAddr fds, std::uint32_t count, Nanos deadline) {
    if (count > caller().max_descriptors) return Errc::invalid;
    PollEntries entries;
    TRY(entries.reserve(count));
    TRY(arch::copy_from_user(entries.get(), fds, count * sizeof(UserPoll)));
    Word ready = 0;
    {
        Poll poll(entries.get(), count);
        ready = TRY(poll.run(deadline));
    }
    for (std::uint32_t i = 0; i < count; i++)
        TRY(arch::put_user(fds + i * sizeof(UserPoll) + 6, entries.get()[i].returned));
    return ready;
}

} // namespace

Result<Word> ppoll(VirtAddr fds, std::uint32_t count, VirtAddr timeout, VirtAddr mask,
                   Word mask_size) {
    const Nanos deadline = TRY(read_deadline(timeout));
    TemporaryMask temporary;
    TRY(temporary.set(mask, mask_size));
    const Result<Word> ready = poll_user(fds, count, deadline);
    temporary.end(ready);
    write_left(timeout, deadline);
    return ready;
}

namespace {

/// select's three sets. Bits become poll entries and back.
class SelectSets {
public:
    Result<void> read(std::uint32_t count, VirtAddr in, VirtAddr out, VirtAddr exceptional) {
        words_ = (count + 63) / 64;
        at_[0] = in;
        at_[1] = out;
        at_[2] = exceptional;
        if (words_ > few_words) {
            memory_ = new (std::nothrow) std::uint64_t[3 * words_];
            if (!memory_) return Errc::no_memory;
            bits_ = memory_;
        }
        for (unsigned i = 0; i < 3; i++) {
            if (raw(at_[i]) == 0) {
                std::memset(set(i), 0, words_ * 8);
                continue;
            }
            TRY(arch::copy_from_user(set(i), at_[i], words_ * 8));
        }
        if (count & 63)
            for (unsigned i = 0; i < 3; i++)
                set(i)[words_ - 1] &= (std::uint64_t{1} << (count & 63)) - 1;
        return {};
    }
    ~SelectSets() { delete[] memory_; }
    std::uint64_t* set(unsigned i) { return bits_ + i * words_; }
    bool has(unsigned i, std::uint32_t fd) { return (set(i)[fd >> 6] >> (fd & 63) & 1) != 0; }
    Result<void> write() {
        for (unsigned i = 0; i < 3; i++)
            if (raw(at_[i]) != 0) TRY(arch::copy_to_user(at_[i], set(i), words_ * 8));
        return {};
    }

private:
    static constexpr std::size_t few_words = 4;
    std::uint64_t few_[3 * few_words];
    std::uint64_t* bits_ = few_;
    std::uint64_t* memory_ = nullptr;
    std::size_t words_ = 0;
    VirtAddr at_[3];
};

// What each of select's sets means in poll's words.
constexpr std::uint32_t select_in = poll_rdnorm | poll_rdband | poll_in | poll_hup | poll_err;
constexpr std::uint32_t select_out = poll_wrband | poll_wrnorm | poll_out | poll_err;
constexpr std::uint32_t select_exceptional = poll_pri;

[[gnu::noinline]] Result<Word> select_user(std::uint32_t count, VirtAddr in, VirtAddr out,
                                           VirtAddr exceptional, Nanos deadline) {
    SelectSets sets;
    TRY(sets.read(count, in, out, exceptional));
    std::size_t used = 0;
    for (std::uint32_t fd = 0; fd < count; fd++)
        used += sets.has(0, fd) || sets.has(1, fd) || sets.has(2, fd);
    PollEntries entries;
    TRY(entries.reserve(used));
    UserPoll* next = entries.get();
    for (std::uint32_t fd = 0; fd < count; fd++) {
        std::uint32_t events = 0;
        if (sets.has(0, fd)) events |= select_in;
        if (sets.has(1, fd)) events |= select_out;
        if (sets.has(2, fd)) events |= select_exceptional;
        if (events == 0) continue;
        FileRef file = file_at(static_cast<int>(fd));
        if (!file || file->is_path_only()) return Errc::bad_descriptor;
        *next++ = {static_cast<std::int32_t>(fd), static_cast<std::int16_t>(events), 0};
    }
    {
        Poll poll(entries.get(), static_cast<std::uint32_t>(used));
        TRY(poll.run(deadline));
    }
    Word ready = 0;
    for (std::size_t i = 0; i < used; i++) {
        const UserPoll& entry = entries.get()[i];
        const auto fd = static_cast<std::uint32_t>(entry.fd);
        const auto got = static_cast<std::uint16_t>(entry.returned);
        constexpr std::uint32_t meanings[3] = {select_in, select_out, select_exceptional};
        for (unsigned k = 0; k < 3; k++) {
            if (!sets.has(k, fd)) continue;
            if (got & meanings[k])
                ready++;
            else
                sets.set(k)[fd >> 6] &= ~(std::uint64_t{1} << (fd & 63));
        }
    }
    TRY(sets.write());
    return ready;
}

} // namespace

Result<Word> pselect6(int count, VirtAddr in, VirtAddr out, VirtAddr exceptional, VirtAddr timeout,
                      VirtAddr mask_at) {
    struct MaskArgument {
        std::uint64_t mask, size;
    } mask{0, 0};
    if (raw(mask_at) != 0) mask = TRY(arch::get_user<MaskArgument>(mask_at));
    const Nanos deadline = TRY(read_deadline(timeout));
    if (count < 0) return Errc::invalid;
    TemporaryMask temporary;
    TRY(temporary.set(VirtAddr{mask.mask}, mask.size));
    const std::uint32_t within =
        std::min<std::uint32_t>(static_cast<std::uint32_t>(count), FdTable::most);
    const Result<Word> ready = select_user(within, in, out, exceptional, deadline);
    temporary.end(ready);
    write_left(timeout, deadline);
    return ready;
}

} // namespace drupe::syscall
