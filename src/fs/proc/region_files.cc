// SPDX-License-Identifier: BSD-2-Clause
#include "region_files.h"

#include <drupe/mm/address_space.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/file_system.h>

#include <new>

namespace drupe::proc {

using process::Process;

namespace {

struct Room {
    char text[vfs::max_path];
};

/// Counts what passes, so that names begin in one column.
class Counting final : public FormatSink {
public:
    explicit Counting(FormatSink& to) : to_(to) {}
    void put(std::string_view text) override {
        to_.put(text);
        count_ += text.size();
    }
    std::size_t count() const { return count_; }

private:
    FormatSink& to_;
    std::size_t count_ = 0;
};

/// The columns in front of a name, where there is one ([linux] fs/proc/task_mmu.c).
constexpr std::size_t name_column = 72;

std::string_view special_name(const process::Image& image, const mm::RegionInfo& region) {
    if (region.is_break) return "[heap]";
    if (region.grows_down && region.end == image.stack_end) return "[stack]";
    if (raw(image.vdso) != 0 && region.begin == image.vdso) return "[vdso]";
    if (raw(image.vdso) != 0 && region.end == image.vdso) return "[vvar]";
    if (region.object && region.object->anonymous_number() != 0) return "/dev/zero (deleted)";
    return {};
}

struct Identity {
    std::uint64_t device, inode;
};

Identity identity_of(const mm::RegionInfo& region) {
    constexpr std::uint64_t shared_memory_device = 1; // 0:1, where Linux keeps its
    if (region.file) {
        vfs::Inode& inode = vfs::File::of(*region.file).inode();
        return {inode.fs().device(), inode.ino()};
    }
    const std::uint64_t number = region.object ? region.object->anonymous_number() : 0;
    return {number != 0 ? shared_memory_device : 0, number};
}

/// Only the end of a line could be mistaken.
void write_path(FormatSink& out, std::string_view path) {
    for (char c : path) out.put(c == '\n' ? std::string_view("\\012") : std::string_view(&c, 1));
}

[[gnu::noinline]] void write_region(FormatSink& to, const process::Image& image,
                                    const mm::RegionInfo& region, Room& room) {
    using arch::Perm;
    Counting out(to);
    const Identity id = identity_of(region);
    const bool has_offset = region.file || id.inode != 0;
    format_to(out, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", raw(region.begin),
              raw(region.end), has(region.perm, Perm::read) ? 'r' : '-',
              has(region.perm, Perm::write) ? 'w' : '-', has(region.perm, Perm::exec) ? 'x' : '-',
              region.sharing == mm::Sharing::shared ? 's' : 'p',
              has_offset ? region.first_page << page_shift : 0, vfs::device_major(id.device),
              vfs::device_minor(id.device), id.inode);
    const std::string_view special = special_name(image, region);
    if (!special.empty() || region.file) {
        while (out.count() < name_column) out.put(" ");
        out.put(" ");
    }
    out.put(special);
    if (special.empty() && region.file) {
        RefPtr<vfs::Dentry> root = process::current_context().fs->root();
        const auto path = vfs::path_of(vfs::File::of(*region.file).dentry(), root.get(), room.text);
        write_path(out, path.ok() ? path.value() : "(unreachable)");
    }
    out.put("\n");
}

[[gnu::noinline]] void write_count(FormatSink& out, std::string_view name, std::uint64_t kib) {
    out.put(name);
    for (std::size_t n = name.size(); n < 16; n++) out.put(" ");
    format_to(out, "{:8} kB\n", kib);
}

void write_counts(FormatSink& out, mm::AddressSpace& space, const mm::RegionInfo& region) {
    using arch::Perm;
    const PageCount pages{(region.end - region.begin) >> page_shift};
    const mm::Residency r = space.residency(region.begin, pages);
    const auto line = [&](std::string_view name, std::uint64_t kib) {
        write_count(out, name, kib);
    };
    const auto kib = [](PageCount p) { return std::uint64_t{p.bytes() / 1024}; };
    const PageCount own{r.present.n - r.shared.n};
    const bool writable = has(region.perm, Perm::write);
    line("Size:", kib(pages));
    line("KernelPageSize:", page_size / 1024);
    line("MMUPageSize:", page_size / 1024);
    line("Rss:", kib(r.present));
    line("Pss:", kib(r.present)); // one process maps them
    line("Shared_Clean:", kib({r.shared.n - r.shared_written.n}));
    line("Shared_Dirty:", kib(r.shared_written));
    line("Private_Clean:", writable ? 0 : kib(own));
    line("Private_Dirty:", writable ? kib(own) : 0);
    line("Referenced:", kib(r.present));
    line("Anonymous:", kib(r.anonymous));
    for (const char* none : {"LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
                             "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:", "SwapPss:"})
        line(none, 0);
    const bool is_locked = region.locked != mm::Locked::no;
    line("Locked:", is_locked ? kib(r.present) : 0);
    format_to(out, "THPeligible:    0\nVmFlags: {}{}{}{}mr mw me {}{}\n",
              has(region.perm, Perm::read) ? "rd " : "", writable ? "wr " : "",
              has(region.perm, Perm::exec) ? "ex " : "",
              region.sharing == mm::Sharing::shared ? "sh " : "", region.grows_down ? "gd " : "",
              is_locked ? "lo " : "");
}

template <class Each>
Result<void> for_each_region(Process& process, Each each) {
    RefPtr<process::Image> image = process.image_now();
    if (!image) return {};
    TRY(may_inspect(process));
    OwnPtr<Room> room = TRY(make_own<Room>());
    mm::RegionInfo region{};
    for (VirtAddr at{0}; image->space().region_above(at, region); at = region.end)
        each(*image, region, *room);
    return {};
}

} // namespace

Result<void> write_maps(FormatSink& out, Process& process, Subject) {
    return for_each_region(process, [&](process::Image& image, const mm::RegionInfo& region,
                                        Room& room) { write_region(out, image, region, room); });
}

Result<void> write_smaps(FormatSink& out, Process& process, Subject) {
    return for_each_region(process,
                           [&](process::Image& image, const mm::RegionInfo& region, Room& room) {
                               write_region(out, image, region, room);
                               write_counts(out, image.space(), region);
                           });
}

namespace {

void write_options(FormatSink& out, const vfs::FileSystem& fs) {
    const std::uint32_t flags = fs.mount_flags();
    out.put((flags & vfs::mount_read_only) ? "ro" : "rw");
    if (flags & vfs::mount_no_suid) out.put(",nosuid");
    if (flags & vfs::mount_no_devices) out.put(",nodev");
    if (flags & vfs::mount_no_exec) out.put(",noexec");
    if (flags & vfs::mount_no_atime) out.put(",noatime");
    if (flags & vfs::mount_relatime) out.put(",relatime");
}

/// Spaces and the like as octal escapes, as getmntent(3) wants them.
void write_escaped(FormatSink& out, std::string_view text) {
    for (char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
            const auto u = static_cast<unsigned char>(c);
            const char escape[4] = {'\\', static_cast<char>('0' + (u >> 6)),
                                    static_cast<char>('0' + (u >> 3 & 7)),
                                    static_cast<char>('0' + (u & 7))};
            out.put({escape, 4});
        } else {
            out.put({&c, 1});
        }
    }
}

/// Calls each(fs, mount point, parent) for every mount. The list is walked by number, because
/// paths cannot be made under its lock.
template <class Each>
Result<void> for_each_mount(Subject subject, Each each) {
    RefPtr<vfs::FsContext> context = TRY(fs_of(subject));
    RefPtr<vfs::Dentry> root = context->root();
    OwnPtr<Room> room = TRY(make_own<Room>());
    for (std::size_t number = 0;; number++) {
        RefPtr<vfs::FileSystem> fs;
        std::size_t at = 0;
        vfs::MountTable::for_each([&](vfs::FileSystem& each_fs) {
            if (at++ == number) fs = RefPtr<vfs::FileSystem>(&each_fs);
        });
        if (!fs) return {};
        RefPtr<vfs::Dentry> mounted = fs->root();
        RefPtr<vfs::Dentry> below = fs->mount_point();
        if (!mounted || (!below && number != 0)) continue; // went away meanwhile
        const Result<std::string_view> path = path_of(*mounted, root.get(), room->text);
        if (!path.ok() || path.value().starts_with('(')) continue; // outside this root
        each(*fs, path.value(), below ? below->fs().mount_id() : fs->mount_id());
    }
}

} // namespace

Result<void> write_mounts(FormatSink& out, Process&, Subject subject) {
    return for_each_mount(subject, [&](vfs::FileSystem& fs, std::string_view path, std::uint32_t) {
        write_escaped(out, fs.source());
        out.put(" ");
        write_escaped(out, path);
        format_to(out, " {} ", fs.type());
        write_options(out, fs);
        out.put(" 0 0\n");
    });
}

Result<void> write_mountinfo(FormatSink& out, Process&, Subject subject) {
    return for_each_mount(
        subject, [&](vfs::FileSystem& fs, std::string_view path, std::uint32_t parent) {
            format_to(out, "{} {} {}:{} / ", fs.mount_id(), parent, vfs::device_major(fs.device()),
                      vfs::device_minor(fs.device()));
            write_escaped(out, path);
            out.put(" ");
            write_options(out, fs);
            format_to(out, " - {} ", fs.type());
            write_escaped(out, fs.source());
            out.put((fs.mount_flags() & vfs::mount_read_only) ? " ro\n" : " rw\n");
        });
}

} // namespace drupe::proc
