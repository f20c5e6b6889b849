// SPDX-License-Identifier: BSD-2-Clause
// A terminal: a line discipline with threads that wait, processes that are signalled and a device
// behind. Files of it are made by tty_device.h.
#pragma once

#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/tty/discipline.h>
#include <drupe/tty/input_pump.h>
#include <drupe/tty/job_control.h>
#include <drupe/vfs/file.h>

#include <atomic>

namespace drupe::tty {

class Tty final : public InputReceiver, private DisciplineSink {
public:
    /// Bytes to the device, synchronously; thread context.
    using Write = void (*)(std::string_view bytes);
    explicit Tty(Write device) : write_(device) {}

    /// As vfs::File's. Errc::io: read by an orphaned or blocking background group.
    Result<std::size_t> read(vfs::IoBuffer& buffer, bool nonblocking);
    Result<std::size_t> write(vfs::IoBuffer& buffer, bool nonblocking);
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument);
    std::uint32_t poll(vfs::PollWatcher* watcher);

    /// Makes it the controlling terminal of a session whose foreground group is `group`.
    void give_to(Id session, Id group);
    Id foreground() const { return foreground_.load(std::memory_order_relaxed); }
    Id session() const { return session_.load(std::memory_order_relaxed); }
    void set_window(WindowSize size);

    std::size_t receive(std::string_view bytes) override;
    void set_pump(InputPump& pump) { pump_ = &pump; }
    vfs::AsyncFiles async; // told of input, and of output that goes on where a write gave up

private:
    enum class Flush : std::uint8_t { no, yes };
    void output(std::string_view bytes) override { write_(bytes); }
    void signal(TtySignal signal) override;
    void send_signals();
    bool is_controlling() const;
    Result<void> check_background(int signal);
    Result<bool> take_line(vfs::IoBuffer& buffer, std::size_t& moved);
    Result<bool> take_line_locked(vfs::IoBuffer& buffer, std::size_t& moved) REQUIRES(mutex_);
    Result<std::size_t> read_raw(vfs::IoBuffer& buffer, bool nonblocking);
    Result<std::size_t> take_bytes(vfs::IoBuffer& buffer);
    Result<std::size_t> take_bytes_locked(vfs::IoBuffer& buffer) REQUIRES(mutex_);
    Result<void> wait_readable(Nanos deadline);
    Result<void> write_piece(std::string_view piece, bool nonblocking);
    void publish_locked() REQUIRES(mutex_);
    Result<void> get_settings(VirtAddr to, std::size_t bytes);
    Result<void> set_settings(VirtAddr from, std::size_t bytes, Flush flush);
    Result<void> set_window_from(VirtAddr from);
    Result<void> take_as_controlling(std::uint64_t force);
    Result<void> give_up_controlling();
    Result<void> set_foreground(VirtAddr from);
    Result<void> flush_queue(std::uint64_t which);
    Result<void> control_flow(std::uint64_t action);
    void kick_pump() {
        if (pump_) pump_->notify();
    }

    Write write_;
    InputPump* pump_ = nullptr;
    sched::Mutex mutex_; // user memory is touched under it
    Discipline discipline_ GUARDED_BY(mutex_);
    WindowSize window_ GUARDED_BY(mutex_);
    bool owes_room_ GUARDED_BY(mutex_) = false;              // a write gave up
    std::atomic<bool> has_input_{false}, is_stopped_{false}; // copies of the discipline's
    sched::WaitQueue readable_, writable_;
    std::atomic<std::uint32_t> pending_signals_{0}; // bits by TtySignal, sent without the mutex
    std::atomic<Id> session_{0};
    std::atomic<Id> foreground_{0};
};

} // namespace drupe::tty
