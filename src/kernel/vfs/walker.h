// SPDX-License-Identifier: BSD-2-Clause
// One path walk. Two ends: at the object (finish), or at the directory and name of the last
// component (to_parent), from where a link at the end may be followed. Private to this room.
#pragma once

#include <drupe/vfs/context.h>
#include <drupe/vfs/inode.h>
#include <drupe/vfs/path.h>

namespace drupe::vfs {

/// What the last component of a path is.
enum class Last : std::uint8_t { name, dot, dot_dot, root };

class Walker {
public:
    Walker(TaskContext& who, Dentry* start, const char* path, std::uint32_t flags)
        : who_(who), start_(start), rest_(path), flags_(flags) {}
    ~Walker();
    Walker(const Walker&) = delete;
    Walker& operator=(const Walker&) = delete;

    /// Walks everything but the last component.
    Result<void> to_parent();
    /// After to_parent: walks the last component too.
    Result<RefPtr<Dentry>> finish();
    /// After to_parent and looking up the last name: it is this symlink; go on with its target.
    /// Returns the object when the link led straight to one; else to_parent has run again.
    Result<RefPtr<Dentry>> follow_last(RefPtr<Dentry> link);

    Dentry& directory() const { return *at_; }
    RefPtr<Dentry> take_directory() { return std::move(at_); }
    const Name& last() const { return last_; }
    Last kind() const { return kind_; }
    bool has_trailing_slash() const { return trailing_slash_; }

private:
    Result<void> begin();
    Result<void> components();
    Result<void> step();
    Result<void> up();
    Result<void> go_to(RefPtr<Dentry> next);
    Result<void> push_link(Dentry& link);
    Result<void> splice(std::string_view target);
    void scan();
    Dentry& root();

    TaskContext& who_;
    Dentry* start_;
    RefPtr<Dentry> at_;
    RefPtr<Dentry> root_;
    RefPtr<Dentry> link_; // keeps the text alive that rest_ points into
    char* text_ = nullptr;
    const char* rest_;
    Name last_{"", 0, Name::seed};
    std::uint32_t flags_;
    std::uint32_t links_ = 0;
    Last kind_ = Last::root;
    bool trailing_slash_ = false;
    bool jumped_ = false; // the last link led straight to an object, which is in at_
};

} // namespace drupe::vfs
