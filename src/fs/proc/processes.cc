// SPDX-License-Identifier: BSD-2-Clause
// /proc/self and /proc/PID: directories of links, descriptors and texts about one process. An inode
// holds a number, not a process: when the process is gone, its files say so.
#include "process_files.h"

#include <drupe/process/process_file.h>
#include <drupe/process/task_table.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/inotify.h>

#include <algorithm>

namespace drupe::proc {

using namespace vfs;
using process::Pid;
using process::Process;

namespace {

/// A decimal number without sign or leading zero; 0 when it is none.
std::uint32_t parse_number(std::string_view text) {
    if (text.empty() || text.size() > 9 || (text[0] == '0' && text.size() > 1)) return 0;
    std::uint32_t value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return 0;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value;
}

constexpr std::uint64_t number_for(Subject subject, unsigned what) {
    return (std::uint64_t{static_cast<std::uint32_t>(subject.pid)} << 24) ^
           (std::uint64_t{static_cast<std::uint32_t>(subject.tid)} << 10) ^ (what + 16);
}

/// Links with a plain text: self, thread-self, mounts.
class PlainLink final : public ProcInode {
public:
    enum class What : std::uint8_t { self, thread_self, mounts };
    PlainLink(ProcFs& fs, What what)
        : ProcInode(fs, 16 + static_cast<unsigned>(what), mode_symlink | 0777), what_(what) {}
    Result<std::string_view> link_target(TaskContext&, std::span<char> scratch) override {
        const Pid pid = process::current_process().pid;
        switch (what_) {
        case What::self: return format_into(scratch, "{}", pid);
        case What::thread_self:
            return format_into(scratch, "{}/task/{}", pid, process::current_user().tid);
        case What::mounts: break;
        }
        return std::string_view("self/mounts");
    }

private:
    What what_;
};

/// Links that lead straight to something the process holds.
class MagicLink : public ProcInode {
public:
    MagicLink(ProcFs& fs, std::uint64_t ino, Subject subject, std::uint32_t uid,
              std::uint32_t permissions = 0777)
        : ProcInode(fs, ino, mode_symlink | permissions, uid), subject_(subject) {}
    bool is_magic_link() const override { return true; }
    Result<RefPtr<Dentry>> follow(TaskContext&) override {
        RefPtr<Process> process = TRY(find(subject_));
        TRY(may_inspect(*process));
        return target(*process);
    }
    Result<std::string_view> link_target(TaskContext& who, std::span<char> scratch) override {
        RefPtr<Dentry> to = TRY(follow(who));
        RefPtr<Dentry> root = who.fs->root();
        std::string_view path = TRY(path_of(*to, root.get(), scratch));
        constexpr std::string_view note = "(unreachable)"; // only getcwd says so
        if (path.starts_with(note)) path.remove_prefix(note.size());
        return path;
    }

protected:
    virtual Result<RefPtr<Dentry>> target(Process& process) = 0;
    Subject subject_;
};

class ObjectLink final : public MagicLink {
public:
    enum class What : std::uint8_t { exe, cwd, root };
    ObjectLink(ProcFs& fs, Subject subject, std::uint32_t uid, What what)
        : MagicLink(fs, number_for(subject, static_cast<unsigned>(what)), subject, uid),
          what_(what) {}

private:
    Result<RefPtr<Dentry>> target(Process& process) override {
        if (what_ == What::exe) {
            const RefPtr<process::Image> image = process.image_now();
            if (!image || !image->executable) return Errc::not_found;
            return RefPtr<Dentry>(&image->executable->dentry());
        }
        RefPtr<FsContext> fs = TRY(fs_of(subject_));
        return what_ == What::cwd ? fs->cwd() : fs->root();
    }
    What what_;
};

class FdLink final : public MagicLink {
public:
    FdLink(ProcFs& fs, Subject subject, std::uint32_t uid, std::uint32_t fd, std::uint32_t mode)
        : MagicLink(fs, number_for(subject, 64) + fd, subject, uid, mode), fd_(fd) {}

private:
    Result<RefPtr<Dentry>> target(Process&) override {
        RefPtr<FdTable> files = TRY(files_of(subject_));
        RefPtr<File> file = files->get_ref(fd_);
        if (!file) return Errc::not_found;
        return RefPtr<Dentry>(&file->dentry());
    }
    std::uint32_t fd_;
};

class FdInfo final : public TextInode {
public:
    FdInfo(ProcFs& fs, Subject subject, std::uint32_t uid, std::uint32_t fd)
        : TextInode(fs, number_for(subject, 65) + fd, mode_regular | 0400, uid), subject_(subject),
          fd_(fd) {}
    Result<void> write_text(FormatSink& out) override {
        RefPtr<FdTable> files = TRY(files_of(subject_));
        RefPtr<File> file = files->get_ref(fd_);
        if (!file) return Errc::not_found;
        std::uint32_t flags = file->flags() & ~std::uint32_t{open_cloexec};
        const Result<bool> cloexec = files->is_close_on_exec(fd_);
        if (cloexec.ok() && cloexec.value()) flags |= open_cloexec;
        char octal[16];
        std::size_t at = sizeof octal;
        do octal[--at] = static_cast<char>('0' + (flags & 7));
        while ((flags >>= 3) != 0);
        format_to(out, "pos:\t{}\nflags:\t0{}\nmnt_id:\t{}\nino:\t{}\n", file->position(),
                  std::string_view(octal + at, sizeof octal - at), file->dentry().fs().mount_id(),
                  file->inode().ino());
        if (auto* inotify = file_as<InotifyFile>(*file)) write_watches(out, *inotify);
        if (auto* named = file_as<process::ProcessFile>(*file)) {
            const Pid pid = named->pid();
            format_to(out, "Pid:\t{}\nNSpid:\t{}\n", pid, pid);
        }
        return {};
    }

private:
    static void write_watches(FormatSink& out, InotifyFile& file) {
        InotifyFile::Report watch{};
        while (file.next_report(watch.number, watch))
            format_to(out, "inotify wd:{:x} ino:{:x} sdev:{:x} mask:{:x} ignored_mask:0 \n",
                      watch.number, watch.ino, watch.device, watch.mask);
    }
    Subject subject_;
    std::uint32_t fd_;
};

class FdDirectory final : public ProcInode {
public:
    enum class What : std::uint8_t { links, infos };
    FdDirectory(ProcFs& fs, Subject subject, std::uint32_t uid, What what)
        : ProcInode(fs, number_for(subject, 62 + static_cast<unsigned>(what)),
                    mode_directory | 0500, uid),
          subject_(subject), what_(what) {
        nlink_ = 2;
    }
    Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name) override {
        const std::uint32_t fd = parse_number(name.view());
        if (fd == 0 && name.view() != "0") return Errc::not_found;
        RefPtr<FdTable> files = TRY(files_of(subject_));
        RefPtr<File> file = files->get_ref(fd);
        if (!file) return Errc::not_found;
        auto& fs = static_cast<ProcFs&>(this->fs());
        if (what_ == What::infos)
            return present(self, name, new_inode<FdInfo>(fs, subject_, uid(), fd));
        const std::uint32_t mode = (file->is_readable() ? 0500u : 0) |
                                   (file->is_writable() ? 0300u : 0) |
                                   (file->is_path_only() ? 0100u : 0);
        return present(self, name, new_inode<FdLink>(fs, subject_, uid(), fd, mode));
    }
    Result<void> iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) override {
        RefPtr<FdTable> files = TRY(files_of(subject_));
        const std::uint32_t kind = what_ == What::links ? mode_symlink : mode_regular;
        const unsigned what = what_ == What::links ? 64 : 65;
        for (auto fd = files->next_open(static_cast<std::uint32_t>(cookie - 2));
             fd != FdTable::none; fd = files->next_open(fd + 1)) {
            char text[12];
            if (!sink.add(format_into(text, "{}", fd), number_for(subject_, what) + fd,
                          directory_entry_type(kind), std::uint64_t{fd} + 3))
                break;
        }
        return {};
    }

private:
    Subject subject_;
    What what_;
};

class ProcessText final : public TextInode {
public:
    ProcessText(ProcFs& fs, std::uint64_t ino, Subject subject, std::uint32_t uid,
                const ProcessFile& file)
        : TextInode(fs, ino, mode_regular | file.permissions, uid), subject_(subject), file_(file) {
    }
    Result<void> write_text(FormatSink& out) override {
        RefPtr<Process> process = TRY(find(subject_));
        if ((file_.permissions & 0044) == 0) TRY(may_inspect(*process));
        return file_.write(out, *process, subject_);
    }
    Result<void> store_text(std::string_view text) override {
        if (!file_.store) return Errc::invalid;
        RefPtr<Process> process = TRY(find(subject_));
        TRY(may_inspect(*process));
        return file_.store(text, *process, subject_);
    }

private:
    Subject subject_;
    const ProcessFile& file_;
};

class TaskDirectory;

class ProcessDirectory final : public ProcInode {
public:
    ProcessDirectory(ProcFs& fs, Subject subject, std::uint32_t uid, std::uint32_t gid,
                     bool is_thread)
        : ProcInode(fs, number_for(subject, is_thread ? 9 : 8), mode_directory | 0555, uid, gid),
          subject_(subject), is_thread_(is_thread) {
        nlink_ = 2;
    }
    Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name) override;
    Result<void> iterate(Dentry& self, std::uint64_t cookie, DirectorySink& sink) override;
    std::int32_t process() const override { return is_thread_ ? 0 : subject_.pid; }

private:
    ProcFs& proc_fs() { return static_cast<ProcFs&>(fs()); }
    Subject subject_;
    bool is_thread_;
};

class TaskDirectory final : public ProcInode {
public:
    TaskDirectory(ProcFs& fs, Subject subject, std::uint32_t uid)
        : ProcInode(fs, number_for(subject, 10), mode_directory | 0555, uid), subject_(subject) {
        nlink_ = 2;
    }
    Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name) override {
        const Subject thread{subject_.pid, static_cast<Pid>(parse_number(name.view()))};
        TRY(find(thread));
        return present(
            self, name,
            new_inode<ProcessDirectory>(static_cast<ProcFs&>(fs()), thread, uid(), gid(), true));
    }
    Result<void> iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) override {
        for (Pid tid = next_thread(subject_.pid, static_cast<Pid>(cookie - 2)); tid != 0;
             tid = next_thread(subject_.pid, tid + 1)) {
            char text[12];
            if (!sink.add(format_into(text, "{}", tid), number_for({subject_.pid, tid}, 9),
                          directory_entry_type(mode_directory),
                          static_cast<std::uint64_t>(tid) + 3))
                break;
        }
        return {};
    }

private:
    Subject subject_;
};

/// Entries of a process's directory that are no texts.
struct SpecialEntry {
    const char* name;
    std::uint32_t kind;
    bool in_threads;
    Result<RefPtr<Inode>> (*make)(ProcFs& fs, Subject subject, std::uint32_t uid);
};

template <ObjectLink::What what>
Result<RefPtr<Inode>> make_link(ProcFs& fs, Subject subject, std::uint32_t uid) {
    return new_inode<ObjectLink>(fs, subject, uid, what);
}
template <FdDirectory::What what>
Result<RefPtr<Inode>> make_fds(ProcFs& fs, Subject subject, std::uint32_t uid) {
    return new_inode<FdDirectory>(fs, subject, uid, what);
}
Result<RefPtr<Inode>> make_tasks(ProcFs& fs, Subject subject, std::uint32_t uid) {
    return new_inode<TaskDirectory>(fs, subject, uid);
}

constexpr SpecialEntry special_entries[] = {
    {"exe", mode_symlink, true, make_link<ObjectLink::What::exe>},
    {"cwd", mode_symlink, true, make_link<ObjectLink::What::cwd>},
    {"root", mode_symlink, true, make_link<ObjectLink::What::root>},
    {"fd", mode_directory, true, make_fds<FdDirectory::What::links>},
    {"fdinfo", mode_directory, true, make_fds<FdDirectory::What::infos>},
    {"task", mode_directory, false, make_tasks},
};

Result<RefPtr<Dentry>> ProcessDirectory::lookup(Dentry& self, const Name& name) {
    TRY(find(subject_));
    for (const SpecialEntry& entry : special_entries)
        if (name.view() == entry.name && (entry.in_threads || !is_thread_))
            return present(self, name, entry.make(proc_fs(), subject_, uid()));
    for (const ProcessFile& file : process_files())
        if (name.view() == file.name)
            return present(self, name,
                           new_inode<ProcessText>(proc_fs(), number_of(file.name, ino()), subject_,
                                                  uid(), file));
    return Errc::not_found;
}

Result<void> ProcessDirectory::iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) {
    TRY(find(subject_));
    std::uint64_t here = 2;
    for (const SpecialEntry& entry : special_entries) {
        const std::uint64_t at = here++;
        if (at < cookie || (is_thread_ && !entry.in_threads)) continue;
        if (!sink.add(entry.name, number_of(entry.name, ino()), directory_entry_type(entry.kind),
                      at + 1))
            return {};
    }
    for (const ProcessFile& file : process_files()) {
        const std::uint64_t at = here++;
        if (at < cookie) continue;
        if (!sink.add(file.name, number_of(file.name, ino()), directory_entry_type(mode_regular),
                      at + 1))
            return {};
    }
    return {};
}

} // namespace

Result<RefPtr<Dentry>> lookup_process(ProcFs& fs, Dentry& root, const Name& name) {
    using What = PlainLink::What;
    if (name.view() == "self") return present(root, name, new_inode<PlainLink>(fs, What::self));
    if (name.view() == "thread-self")
        return present(root, name, new_inode<PlainLink>(fs, What::thread_self));
    if (name.view() == "mounts") return present(root, name, new_inode<PlainLink>(fs, What::mounts));
    const auto number = static_cast<Pid>(parse_number(name.view()));
    if (number == 0) return Errc::not_found;
    const Pid pid = TRY(process_of_thread(number));
    RefPtr<Process> process = TRY(find({pid, number}));
    return present(root, name,
                   new_inode<ProcessDirectory>(fs, Subject{pid, number}, process->credentials.euid,
                                               process->credentials.egid, false));
}

void list_processes(ProcFs&, std::uint64_t cookie, DirectorySink& sink) {
    static constexpr const char* links[] = {"self", "thread-self", "mounts"};
    for (unsigned i = 0; i < 3; i++) {
        const std::uint64_t at = first_process_cookie + i;
        if (at < cookie) continue;
        if (!sink.add(links[i], 16 + i, directory_entry_type(mode_symlink), at + 1)) return;
    }
    const std::uint64_t first = first_process_cookie + 3;
    for (Pid pid = next_process(cookie > first ? static_cast<Pid>(cookie - first) : 0); pid != 0;
         pid = next_process(pid + 1)) {
        char text[12];
        if (!sink.add(format_into(text, "{}", pid), number_for({pid, pid}, 8),
                      directory_entry_type(mode_directory),
                      first + static_cast<std::uint64_t>(pid) + 1))
            return;
    }
}

} // namespace drupe::proc
