// SPDX-License-Identifier: BSD-2-Clause
// signalfd: signals taken by reading. A file says which; whose, says the reader: it gets those of
// its own thread and process, as with sigtimedwait, wherever the file came from.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/relaxed.h>
#include <drupe/process/signal_actions.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/file.h>

namespace drupe::process {

class SignalFile final : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    /// flags: open_nonblock. no_memory.
    static Result<RefPtr<SignalFile>> create(SignalSet wanted, std::uint32_t flags);
    SignalFile(vfs::Dentry& dentry, std::uint32_t flags, SignalSet wanted);
    ~SignalFile() override;
    void set_wanted(SignalSet wanted);

    /// As many records of 128 bytes as there are signals and room; waits for the first. invalid:
    /// no room for one.
    Result<std::size_t> read(vfs::IoBuffer& buffer) override;
    Result<std::size_t> write(vfs::IoBuffer&) override { return Errc::invalid; }
    Result<std::uint64_t> seek(std::int64_t, int) override { return std::uint64_t{0}; }
    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    const void* tag() const override { return &class_tag; }

private:
    /// A queue that somebody watches must live as long as the file; its process may not.
    struct Watched {
        RefPtr<SignalActions> actions;
        ListHook hook;
    };
    bool keep_locked(SignalActions& actions) REQUIRES(mutex_);
    SignalSet wanted() const { return SignalSet(wanted_.load()); }

    Relaxed<std::uint64_t> wanted_;
    sched::Mutex mutex_;
    IntrusiveList<Watched, &Watched::hook> watched_ GUARDED_BY(mutex_);
};

} // namespace drupe::process
