// SPDX-License-Identifier: BSD-2-Clause
// A dentry is one name in one directory, and the inode it leads to. A table hashed by (parent,
// name) finds it. File systems that live in memory keep every dentry there: for them the table IS
// the directory, and a miss means "no such file". Invariant: being in the table holds one
// reference, so what a lookup finds cannot be on its way out.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::vfs {

class Inode;
class FileSystem;

/// A name with its hash, which path walking computes while it looks for the next slash.
struct Name {
    const char* text;
    std::uint32_t length;
    std::uint32_t hash;

    static constexpr std::uint32_t seed = 0x811c9dc5;
    static constexpr std::uint32_t mix(std::uint32_t hash, unsigned char c) {
        return (hash ^ c) * 0x0100'0193;
    }
    explicit Name(std::string_view name)
        : text(name.data()), length(static_cast<std::uint32_t>(name.size())), hash(seed) {
        for (char c : name) hash = mix(hash, static_cast<unsigned char>(c));
    }
    Name(const char* t, std::uint32_t l, std::uint32_t h) : text(t), length(l), hash(h) {}
    std::string_view view() const { return {text, length}; }
};

class Dentry final : public RefCounted<Dentry> {
public:
    /// Not in the table, no inode. no_memory, name_too_long. `parent` null: the root of a file
    /// system or an anonymous file (pipe, memfd).
    static Result<RefPtr<Dentry>> create(FileSystem& fs, Dentry* parent, const Name& name);
    static void destroy(Dentry* dentry);

    Inode* inode() const { return inode_; }
    FileSystem& fs() const { return *fs_; }
    /// Stable only while the caller holds the parent directory's lock, or nobody can rename.
    std::string_view name() const { return {name_, length_}; }
    /// The directory this name is in (itself for a root), with a reference; safe against renames.
    RefPtr<Dentry> parent() const;
    bool is_root() const { return parent_ == nullptr; }
    /// False once unlinked (and for anonymous files).
    bool is_in_table() const { return in_table_.load(std::memory_order_relaxed); }
    bool is_mount_point() const { return mounts_ != 0; }

    /// Gives a fresh dentry its inode (takes a reference). Once.
    void set_inode(RefPtr<Inode> inode);

    /// The order of a directory's entries, and getdents' cookie: never reused within a directory.
    std::uint64_t position = 0;
    ListHook sibling; // the memory directory's list

private:
    friend class DentryTable;
    friend struct TreeAccess;
    Dentry(FileSystem& fs, Dentry* parent) : fs_(&fs), parent_(parent) {}
    ~Dentry() = default;

    FileSystem* fs_; // referenced
    Dentry* parent_; // referenced; changed under the tree lock
    Inode* inode_ = nullptr;
    Dentry* next_ = nullptr; // in the bucket
    const char* name_ = nullptr;
    std::uint32_t length_ = 0;
    std::uint32_t hash_ = 0;
    std::atomic<bool> in_table_{false};
    Relaxed<std::uint16_t> mounts_{0};
    bool owns_name_ = false; // the name was replaced by a longer one
};

/// The table. Context of all: thread. lookup takes a bucket's spin lock only.
class DentryTable {
public:
    /// Sizes the table for the machine's memory. Once, before any lookup. no_memory.
    static Result<void> init(std::size_t buckets);

    /// The child of `parent` with this name, or null. Exact even against a rename under way.
    static RefPtr<Dentry> lookup(const Dentry& parent, const Name& name) {
        return RefPtr<Dentry>::adopt(find(parent, name));
    }
    /// The same as a plain pointer with a reference, for path walking.
    static Dentry* find(const Dentry& parent, const Name& name);
    static void insert(Dentry& dentry);
    /// Drops the table's reference; the dentry lives on while somebody uses it.
    static void remove(Dentry& dentry);
    /// Gives `moving` the place of `target_parent`/`name` at once for all lookups; what was there
    /// (`replaced`, may be null) leaves the table. `new_name` was allocated by reserve_name.
    static void move(Dentry& moving, Dentry& target_parent, const Name& name, char* new_name,
                     Dentry* replaced);
    /// Swaps the places of two dentries; the names were reserved: b's for a and a's for b.
    static void exchange(Dentry& a, Dentry& b, char* name_for_a, char* name_for_b);
    /// Memory for a name that move() may need, so that move cannot fail. no_memory.
    static Result<char*> reserve_name(const Name& name);

    static void add_mount(Dentry& dentry) { dentry.mounts_++; }
    static void remove_mount(Dentry& dentry) { dentry.mounts_--; }

private:
    friend class Dentry;
    static void link(Dentry& dentry);
    static void unlink(Dentry& dentry);
};

/// Writes the absolute path of `dentry`, as seen below `root`, at the END of `buffer`.
/// " (deleted)" follows an unlinked name; a path that does not lead through `root` begins with
/// "(unreachable)". name_too_long when it does not fit.
Result<std::string_view> path_of(const Dentry& dentry, const Dentry* root, std::span<char> buffer);
/// True when `ancestor` is `dentry` or lies above it, mounts included.
bool is_ancestor(const Dentry& ancestor, const Dentry& dentry);

} // namespace drupe::vfs
