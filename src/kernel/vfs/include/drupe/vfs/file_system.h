// SPDX-License-Identifier: BSD-2-Clause
// A mounted file system, the kinds that can be mounted, and the tree of mounts. A file system is
// mounted in at most one place (there are no bind mounts), so a dentry alone says where one is.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/vfs/dentry.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace drupe::vfs {

/// The low bits are mount(2)'s.
enum MountFlag : std::uint32_t {
    mount_read_only = 1,
    mount_no_suid = 2,
    mount_no_devices = 4,
    mount_no_exec = 8,
    mount_no_atime = 1024,
    mount_relatime = 1 << 21,
};

struct FileSystemStats {
    std::uint64_t magic, block_size, blocks, blocks_free, files, files_free;
};

class FileSystem : public RefCounted<FileSystem> {
public:
    virtual ~FileSystem();
    static void destroy(FileSystem* fs) { delete fs; }

    virtual std::string_view type() const = 0;
    virtual FileSystemStats stats() = 0;
    /// Writes through shared mappings change the times of its files.
    virtual bool tells_mapped_writes() const { return true; }
    /// Directories are wholly in the dentry table: a miss there is the answer.
    virtual bool keeps_entries() const { return false; }
    /// What is delayed goes to where it is kept. May sleep. io.
    virtual Result<void> sync() { return {}; }

    std::uint64_t device() const { return device_; } // st_dev
    std::uint32_t mount_flags() const { return flags_; }
    bool is_read_only() const { return (mount_flags() & mount_read_only) != 0; }
    std::string_view source() const { return {source_, source_length_}; }
    /// Where it is mounted, with a reference; null for the root of all and for internal ones.
    RefPtr<Dentry> mount_point() const;
    RefPtr<Dentry> root() const;
    /// Its own, also where several show the files of one device.
    std::uint32_t mount_id() const { return mount_id_; }

    /// It is mounted nowhere, and never will be (again): what it keeps goes once nobody uses it.
    /// Who made a file system and did not mount it owes it this. Context: thread.
    void detach();
    /// Open files and working directories keep a file system from being unmounted.
    void add_user() { users_.fetch_add(1, std::memory_order_relaxed); }
    void remove_user() {
        // The leaving before the look: pairs with detach(), which does both the other way round.
        if (users_.fetch_sub(1, std::memory_order_seq_cst) == 1 &&
            detached_.load(std::memory_order_seq_cst))
            drop_root();
    }

protected:
    FileSystem();
    /// Another place where the files of a device (of another one's) are seen.
    explicit FileSystem(std::uint64_t device);
    /// Once, by the factory: the root directory (the file system owns it until unmounted).
    void set_root(RefPtr<Dentry> root);
    /// Nobody can reach it any more: takes what it keeps out of the dentry table.
    virtual void shut_down() {}

private:
    friend class MountTable;
    friend struct TreeAccess;
    void drop_root();
    std::uint32_t mount_id_;
    std::uint64_t device_;
    std::atomic<std::uint32_t> users_{0};
    std::atomic<bool> detached_{false}, is_shut_down_{false};
    Relaxed<std::uint32_t> flags_{mount_relatime};
    Dentry* root_ = nullptr;        // referenced while mounted or internal
    Dentry* mount_point_ = nullptr; // referenced
    char source_[64] = {};
    std::uint32_t source_length_ = 0;
    FileSystem* next_mounted_ = nullptr;
};

struct MountRequest {
    std::string_view type, source, options; // options: mount's data argument
    std::uint32_t flags = 0;
};

/// A kind that mount(2) and /proc/filesystems know. Constant, registered once at boot.
struct FileSystemType {
    const char* name;
    bool needs_device;
    /// no_memory, invalid; wrong_device, busy: what `source` names.
    Result<RefPtr<FileSystem>> (*create)(const MountRequest& request);
    FileSystemType* next = nullptr;
};
void register_file_system(FileSystemType& type);
FileSystemType* find_file_system(std::string_view name);
FileSystemType* first_file_system();

class MountTable {
public:
    /// Mounts a new instance on `at` (a directory). wrong_device: unknown type; not_directory.
    static Result<void> mount(Dentry& at, const MountRequest& request);
    /// The same with a made one; not_found: `at` was removed. On failure `fs` is detached.
    static Result<void> mount(Dentry& at, RefPtr<FileSystem> fs, std::string_view source,
                              std::uint32_t flags);
    /// The root of all. Once.
    static void mount_root(RefPtr<FileSystem> fs, std::string_view source);
    static RefPtr<Dentry> root();
    /// `root_of` is the root of a mounted file system. invalid, busy (other mounts below it, or
    /// files in use; `detach` lets those live on).
    static Result<void> unmount(Dentry& root_of, bool detach);
    static Result<void> remount(Dentry& root_of, std::uint32_t flags);
    /// What is mounted on `at`: its root. Called only when at.is_mount_point().
    static RefPtr<Dentry> mounted_on(const Dentry& at);
    /// Syncs all that are mounted, and then the devices. Context: thread.
    static void sync_all();
    /// Calls visit(fs) in mount order, under the mount lock: visit must not walk paths.
    template <class Visit>
    static void for_each(Visit visit) {
        struct Call final : Visitor {
            explicit Call(Visit& v) : v_(v) {}
            void operator()(FileSystem& fs) override { v_(fs); }
            Visit& v_;
        } call(visit);
        visit_all(call);
    }

private:
    struct Visitor {
        virtual void operator()(FileSystem& fs) = 0;

    protected:
        ~Visitor() = default;
    };
    static void visit_all(Visitor& visitor);
};

} // namespace drupe::vfs
