// SPDX-License-Identifier: BSD-2-Clause
// Extended attributes, where a file system has them; others refuse as tmpfs without them does.
#include "file_call.h"

#include <drupe/vfs/file_system.h>

#include <algorithm>
#include <new>

namespace drupe::syscall {

using namespace vfs;

namespace {

// [linux] uapi/linux/limits.h
constexpr std::size_t longest_value = 64 * 1024;

class XattrName {
public:
    /// fault, out_of_range: an empty name or one too long (xattr(7)).
    Result<void> read(VirtAddr at) {
        const Result<std::size_t> length = arch::copy_string_from_user(text_, at, sizeof text_);
        if (!length.ok())
            return length.error() == Errc::name_too_long ? Errc::out_of_range : length.error();
        length_ = length.value();
        return length_ == 0 ? Errc::out_of_range : Result<void>{};
    }
    std::string_view view() const { return {text_, length_}; }

private:
    char text_[256];
    std::size_t length_ = 0;
};

/// A value, or a list of names, in kernel memory.
class XattrBytes {
public:
    XattrBytes() = default;
    ~XattrBytes() { ::operator delete(bytes_); }
    XattrBytes(const XattrBytes&) = delete;
    XattrBytes& operator=(const XattrBytes&) = delete;
    Result<void> make(std::size_t size) {
        size_ = size;
        if (size == 0) return {};
        bytes_ = static_cast<std::byte*>(::operator new(size, std::nothrow));
        return bytes_ ? Result<void>{} : Errc::no_memory;
    }
    std::span<std::byte> all() const { return {bytes_, size_}; }

private:
    std::byte* bytes_ = nullptr;
    std::size_t size_ = 0;
};

/// What a call is about, however it was named. Keeps it for the time of the call.
class Subject {
public:
    Result<void> find(VirtAddr path, std::uint32_t flags) {
        PathAt at;
        TRY(at.read(at_fdcwd, path));
        dentry_ = TRY(at.walk(flags));
        return {};
    }
    Result<void> find(int fd) {
        FileRef file = file_at(fd);
        if (!file || file->is_path_only()) return Errc::bad_descriptor;
        dentry_ = RefPtr<Dentry>(&file->dentry());
        return {};
    }
    Inode& inode() const { return *dentry_->inode(); }

private:
    RefPtr<Dentry> dentry_;
};

/// xattr(7): who may, by the name's space.
Result<void> may_use(Inode& inode, std::string_view name, Access wanted) {
    if (wanted == access_write && inode.fs().is_read_only()) return Errc::read_only;
    const Credentials& who = caller().credentials;
    if (name.starts_with("user.")) {
        if (!inode.is_regular() && !inode.is_directory())
            return wanted == access_write ? Errc::not_permitted : Errc::no_data;
        return check_access(inode, who, wanted);
    }
    if (name.starts_with("trusted.") && !who.is_root())
        return wanted == access_write ? Errc::not_permitted : Errc::no_data;
    if (wanted == access_write && !who.is_root() && inode.uid() != who.effective_uid)
        return Errc::not_permitted;
    return {};
}

Result<Word> set(const Subject& subject, VirtAddr name_at, VirtAddr value, Word size, int flags) {
    enum { create = 1, replace = 2 };
    if (flags & ~(create | replace)) return Errc::invalid;
    XattrName name;
    TRY(name.read(name_at));
    if (size > longest_value) return Errc::too_big;
    XattrBytes bytes;
    TRY(bytes.make(size));
    if (size != 0) TRY(arch::copy_from_user(bytes.all().data(), value, size));
    Inode& inode = subject.inode();
    TRY(may_use(inode, name.view(), access_write));
    TRY(inode.set_xattr(name.view(), bytes.all(), static_cast<std::uint32_t>(flags)));
    return Word{0};
}

/// A value, or with an empty name the names.
Result<Word> fetch(Inode& inode, std::string_view name, VirtAddr to, Word size) {
    XattrBytes bytes;
    TRY(bytes.make(std::min<std::size_t>(size, longest_value)));
    const std::size_t got = TRY(inode.get_xattr(name, bytes.all()));
    if (size != 0) TRY(arch::copy_to_user(to, bytes.all().data(), got));
    return Word{got};
}

Result<Word> get(const Subject& subject, VirtAddr name_at, VirtAddr to, Word size) {
    XattrName name;
    TRY(name.read(name_at));
    TRY(may_use(subject.inode(), name.view(), access_read));
    return fetch(subject.inode(), name.view(), to, size);
}

/// Where there are none, a list of none.
Result<Word> list(const Subject& subject, VirtAddr to, Word size) {
    const auto got = fetch(subject.inode(), {}, to, size);
    return !got.ok() && got.error() == Errc::not_supported ? Result<Word>(Word{0}) : got;
}

Result<Word> remove(const Subject& subject, VirtAddr name_at) {
    XattrName name;
    TRY(name.read(name_at));
    TRY(may_use(subject.inode(), name.view(), access_write));
    TRY(subject.inode().remove_xattr(name.view()));
    return Word{0};
}

} // namespace

Result<Word> setxattr(VirtAddr path, VirtAddr name, VirtAddr value, Word size, int flags) {
    Subject subject;
    TRY(subject.find(path, walk_follow));
    return set(subject, name, value, size, flags);
}
Result<Word> lsetxattr(VirtAddr path, VirtAddr name, VirtAddr value, Word size, int flags) {
    Subject subject;
    TRY(subject.find(path, 0));
    return set(subject, name, value, size, flags);
}
Result<Word> fsetxattr(int fd, VirtAddr name, VirtAddr value, Word size, int flags) {
    Subject subject;
    TRY(subject.find(fd));
    return set(subject, name, value, size, flags);
}
Result<Word> getxattr(VirtAddr path, VirtAddr name, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(path, walk_follow));
    return get(subject, name, to, size);
}
Result<Word> lgetxattr(VirtAddr path, VirtAddr name, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(path, 0));
    return get(subject, name, to, size);
}
Result<Word> fgetxattr(int fd, VirtAddr name, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(fd));
    return get(subject, name, to, size);
}
Result<Word> removexattr(VirtAddr path, VirtAddr name) {
    Subject subject;
    TRY(subject.find(path, walk_follow));
    return remove(subject, name);
}
Result<Word> lremovexattr(VirtAddr path, VirtAddr name) {
    Subject subject;
    TRY(subject.find(path, 0));
    return remove(subject, name);
}
Result<Word> fremovexattr(int fd, VirtAddr name) {
    Subject subject;
    TRY(subject.find(fd));
    return remove(subject, name);
}
Result<Word> listxattr(VirtAddr path, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(path, walk_follow));
    return list(subject, to, size);
}
Result<Word> llistxattr(VirtAddr path, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(path, 0));
    return list(subject, to, size);
}
Result<Word> flistxattr(int fd, VirtAddr to, Word size) {
    Subject subject;
    TRY(subject.find(fd));
    return list(subject, to, size);
}

} // namespace drupe::syscall
