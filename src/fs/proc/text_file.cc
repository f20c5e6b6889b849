// SPDX-License-Identifier: BSD-2-Clause
// An open generated file: the text is made at the first read and again whenever somebody reads from
// the beginning, so that a program that keeps such a file open sees news.
#include "proc_inodes.h"

#include <drupe/sched/mutex.h>
#include <drupe/vfs/file.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::proc {

using namespace vfs;

namespace {

/// Text that grows; remembers when memory ran out.
class GrowingText final : public FormatSink {
public:
    ~GrowingText() { ::operator delete(text_); }
    void put(std::string_view more) override {
        if (used_ + more.size() > capacity_ && !grow(used_ + more.size())) return;
        if (!more.empty()) std::memcpy(text_ + used_, more.data(), more.size());
        used_ += more.size();
    }
    void clear() {
        used_ = 0;
        failed_ = false;
    }
    bool failed() const { return failed_; }
    std::string_view text() const { return {text_, used_}; }

private:
    bool grow(std::size_t wanted) {
        const std::size_t capacity = std::max<std::size_t>(1024, std::max(wanted, capacity_ * 2));
        auto* larger = static_cast<char*>(::operator new(capacity, std::nothrow));
        if (!larger) {
            failed_ = true;
            return false;
        }
        if (used_ != 0) std::memcpy(larger, text_, used_);
        ::operator delete(text_);
        text_ = larger;
        capacity_ = capacity;
        return true;
    }
    char* text_ = nullptr;
    std::size_t used_ = 0;
    std::size_t capacity_ = 0;
    bool failed_ = false;
};

class TextFile final : public File {
public:
    TextFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t offset) override;
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t& offset, bool append) override;
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;

private:
    TextInode& text_inode() { return static_cast<TextInode&>(inode()); }
    sched::Mutex mutex_;
    GrowingText text_ GUARDED_BY(mutex_);
    bool is_made_ GUARDED_BY(mutex_) = false;
};

Result<std::size_t> TextFile::read_at(IoBuffer& buffer, std::uint64_t offset) {
    sched::MutexGuard guard(mutex_);
    if (!is_made_ || offset == 0) {
        text_.clear();
        is_made_ = false;
        TRY(text_inode().write_text(text_));
        if (text_.failed()) return Errc::no_memory;
        is_made_ = true;
    }
    const std::string_view text = text_.text();
    if (offset >= text.size()) return std::size_t{0};
    const std::string_view rest = text.substr(offset);
    return buffer.put(rest.data(), std::min(rest.size(), buffer.size()));
}

Result<std::size_t> TextFile::write_at(IoBuffer& buffer, std::uint64_t&, bool) {
    char text[256];
    const std::size_t bytes = buffer.size();
    if (bytes > sizeof text) return Errc::invalid;
    const std::size_t taken = TRY(buffer.take(text, bytes));
    TRY(text_inode().store_text({text, taken}));
    return taken;
}

Result<std::uint64_t> TextFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    if (whence == seek_current)
        offset += static_cast<std::int64_t>(position_);
    else if (whence != seek_set)
        return Errc::invalid;
    if (offset < 0) return Errc::invalid;
    position_ = static_cast<std::uint64_t>(offset);
    return position_;
}

} // namespace

Result<RefPtr<File>> TextInode::open(Dentry& dentry, std::uint32_t flags) {
    RefPtr<File> file = TRY(make_ref<TextFile>(dentry, flags));
    return file;
}

} // namespace drupe::proc
