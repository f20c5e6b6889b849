// SPDX-License-Identifier: BSD-2-Clause
// Registered files as a tree: directories are the common beginnings of their paths. A few dozen
// strings are compared for a lookup; nothing is kept.
#include "proc_inodes.h"

#include <drupe/proc/proc.h>

#include <cstring>

namespace drupe::proc {

using namespace vfs;

FileSystemStats ProcFs::stats() {
    constexpr std::uint64_t proc_magic = 0x9fa0, sysfs_magic = 0x62656572;
    return {kind_ == Kind::proc ? proc_magic : sysfs_magic, page_size, 0, 0, 0, 0};
}

std::uint64_t number_of(std::string_view name, std::uint64_t parent) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325 ^ parent;
    for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
    return hash >> 16 | 1; // 48 bits: programs keep inode numbers in doubles and worse
}

Result<RefPtr<Dentry>> present(Dentry& parent, const Name& name, Result<RefPtr<Inode>> inode) {
    if (!inode.ok()) return inode.error();
    RefPtr<Dentry> dentry = TRY(Dentry::create(parent.fs(), &parent, name));
    dentry->set_inode(inode.take_unchecked());
    return dentry;
}

namespace {

class RegisteredInode final : public TextInode {
public:
    RegisteredInode(ProcFs& fs, const GeneratedFile& file)
        : TextInode(fs, number_of(file.path, 1), mode_regular | (file.store ? 0644u : 0444u)),
          file_(file) {}
    Result<void> write_text(FormatSink& out) override {
        if (file_.write_of) return file_.write_of(out, file_.subject);
        file_.write(out);
        return {};
    }
    Result<void> store_text(std::string_view text) override {
        return file_.store ? file_.store(text) : Result<void>(Errc::invalid);
    }

private:
    const GeneratedFile& file_;
};

/// The part of `path` below `prefix`, up to the next slash; empty when it is not below.
std::string_view next_part(std::string_view path, std::string_view prefix) {
    if (!path.starts_with(prefix)) return {};
    path.remove_prefix(prefix.size());
    return path.substr(0, path.find('/'));
}

class TreeDirectory final : public ProcInode {
public:
    TreeDirectory(ProcFs& fs, std::string_view prefix)
        : ProcInode(fs, prefix.empty() ? 1 : number_of(prefix, 2), mode_directory | 0555),
          prefix_length_(prefix.copy(prefix_, sizeof prefix_)) {
        nlink_ = 2;
    }
    Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name) override;
    Result<void> iterate(Dentry& self, std::uint64_t cookie, DirectorySink& sink) override;

private:
    ProcFs& proc_fs() { return static_cast<ProcFs&>(fs()); }
    std::string_view prefix() const { return {prefix_, prefix_length_}; }
    bool was_listed(const GeneratedFile& until, std::string_view part);
    GeneratedFile* first() { return proc_fs().tree().begin(); }

    static constexpr std::size_t longest = 96;
    char prefix_[longest];
    std::size_t prefix_length_;
};

Result<RefPtr<Dentry>> TreeDirectory::lookup(Dentry& self, const Name& name) {
    complete(proc_fs().tree(), prefix());
    for (GeneratedFile* at = first(); at; at = at->following()) {
        const std::string_view path = at->path;
        if (next_part(path, prefix()) != name.view()) continue;
        if (path.size() == prefix_length_ + name.length)
            return present(self, name, new_inode<RegisteredInode>(proc_fs(), *at));
        const std::string_view below = path.substr(0, prefix_length_ + name.length + 1);
        return present(self, name, make_tree_directory(proc_fs(), below));
    }
    if (prefix().empty() && proc_fs().has_processes()) return lookup_process(proc_fs(), self, name);
    return Errc::not_found;
}

/// Did a file before `until` already show this name?
bool TreeDirectory::was_listed(const GeneratedFile& until, std::string_view part) {
    for (GeneratedFile* at = first(); at != &until; at = at->following())
        if (next_part(at->path, prefix()) == part) return true;
    return false;
}

Result<void> TreeDirectory::iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) {
    std::uint64_t here = 2;
    complete(proc_fs().tree(), prefix());
    for (GeneratedFile* at = first(); at; at = at->following(), here++) {
        if (here < cookie) continue;
        const std::string_view path = at->path;
        const std::string_view part = next_part(path, prefix());
        if (part.empty() || was_listed(*at, part)) continue;
        const bool is_file = path.size() == prefix_length_ + part.size();
        const std::uint32_t kind = is_file ? mode_regular : mode_directory;
        const std::uint64_t ino =
            is_file ? number_of(path, 1)
                    : number_of(path.substr(0, prefix_length_ + part.size() + 1), 2);
        if (!sink.add(part, ino, directory_entry_type(kind), here + 1)) return {};
    }
    if (prefix().empty() && proc_fs().has_processes()) list_processes(proc_fs(), cookie, sink);
    return {};
}

template <ProcFs::Kind kind>
Result<RefPtr<FileSystem>> create(const MountRequest&) {
    RefPtr<ProcFs> fs = TRY(make_ref<ProcFs>(kind));
    TRY(fs->make_root());
    return RefPtr<FileSystem>(std::move(fs));
}

constinit FileSystemType proc_type{"proc", false, create<ProcFs::Kind::proc>};
constinit FileSystemType sys_type{"sysfs", false, create<ProcFs::Kind::sys>};

} // namespace

Result<RefPtr<Inode>> make_tree_directory(ProcFs& fs, std::string_view prefix) {
    return new_inode<TreeDirectory>(fs, prefix);
}

Result<void> ProcFs::make_root() {
    RefPtr<Inode> inode = TRY(make_tree_directory(*this, ""));
    RefPtr<Dentry> root = TRY(Dentry::create(*this, nullptr, Name("")));
    root->set_inode(std::move(inode));
    set_root(std::move(root));
    return {};
}

void register_machine_files();
void register_cpu_files();
void register_ipc_files();

void register_types() {
    register_file_system(proc_type);
    register_file_system(sys_type);
    register_machine_files();
    register_cpu_files();
    register_ipc_files();
}

} // namespace drupe::proc
