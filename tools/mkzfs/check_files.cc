// SPDX-License-Identifier: BSD-2-Clause
// What makes a file system out of objects: directories, links, sizes, attributes. zdb looks at none
// of it.
#include "check_blocks.h"
#include "failure.h"
#include "walk.h"

#include <set>

namespace drupe::mkzfs {

using zfs::Filesystem;
using zfs::ObjectType;

namespace {

constexpr std::uint64_t type_mask = 0170000, directory_type = 0040000, file_type = 0100000,
                        link_type = 0120000, char_type = 0020000, block_type = 0060000;
constexpr std::uint64_t flag_xattr = 0x1;

struct Seen {
    std::uint64_t links_found = 0, links_said = 0, parent = 0;
    bool is_directory = false, parent_matches = false;
};

class FileChecker {
public:
    FileChecker(Filesystem& fs, const std::string& what, Findings& findings)
        : fs_(fs), what_(what), findings_(findings) {}

    void run() {
        seen_[fs_.root()].links_found = 0;
        pending_.push_back({fs_.root(), fs_.root(), directory_type >> 12, ""});
        while (!pending_.empty()) {
            Pending next = std::move(pending_.back());
            pending_.pop_back();
            visit(next.object, next.parent, next.type, next.path);
        }
        for (const auto& [object, s] : seen_) {
            if (!s.is_directory && s.links_found != s.links_said)
                error(object, "it has {} names and says {}", s.links_found, s.links_said);
            if (!s.parent_matches) error(object, "its parent {} does not hold it", s.parent);
        }
        check_orphans();
        findings_.result().files += seen_.size();
    }

private:
    template <class... Args>
    void error(std::uint64_t object, fmt::format_string<Args...> format, Args&&... args) {
        findings_.error("{} object {}: {}", what_, object,
                        fmt::format(format, std::forward<Args>(args)...));
    }

    void visit(std::uint64_t object, std::uint64_t parent, unsigned type, const std::string& path) {
        Seen& s = seen_[object];
        ++s.links_found;
        s.parent_matches = s.parent_matches || s.parent == parent;
        if (s.links_found > 1) {
            if (s.is_directory) error(object, "a directory with two names");
            return;
        }
        Result<Filesystem::File> opened = fs_.file(object);
        if (!opened.ok()) {
            s.parent_matches = true;
            s.links_said = s.links_found;
            return error(object, "/{}: {}", path, words_for(opened.error()));
        }
        Filesystem::File f = std::move(opened).value();
        s.links_said = f.attrs.links;
        s.parent = f.attrs.parent;
        s.parent_matches = s.parent == parent;
        s.is_directory = (f.attrs.mode & type_mask) == directory_type;
        if (type != (f.attrs.mode & type_mask) >> 12)
            error(object, "/{}: its directory entry is of another type", path);
        check_object(f, path);
        if (s.is_directory) visit_directory(f, path);
    }

    void check_object(Filesystem::File& f, const std::string& path) {
        std::uint64_t kind = f.attrs.mode & type_mask;
        bool directory_object = f.object.phys().type == ObjectType::directory_contents;
        if (directory_object != (kind == directory_type))
            error(f.number, "/{}: mode and object type disagree", path);
        if (kind == link_type &&
            (!f.attrs.has(zfs::ZplAttr::symlink) || f.attrs.symlink.size() != f.attrs.size))
            error(f.number, "/{}: the symlink's size is not its target's", path);
        if ((kind == char_type || kind == block_type) != f.attrs.has(zfs::ZplAttr::rdev))
            error(f.number, "/{}: a device number where there is none, or the other way", path);
        if (f.attrs.mtime.nanoseconds >= 1000000000)
            error(f.number, "/{}: an impossible time", path);
        if (kind == file_type) {
            std::uint64_t size = f.object.block_size();
            if (f.object.block_count() > 1 && (size & (size - 1)) != 0)
                error(f.number, "/{}: several blocks of an odd size", path);
            Result<std::uint64_t> beyond = f.object.next_data((f.attrs.size + size - 1) / size);
            if (beyond.ok() && beyond.value() < f.object.block_count())
                error(f.number, "/{}: there is data beyond its end", path);
        }
    }

    void visit_directory(Filesystem::File& f, const std::string& path) {
        Result<zfs::ZapReader> opened = zfs::ZapReader::open(f.object);
        if (!opened.ok()) return error(f.number, "/{}: {}", path, words_for(opened.error()));
        zfs::ZapReader zap = std::move(opened).value();
        ZapEntries entries;
        try {
            entries = zap_entries(f.object, path);
        } catch (const Error& e) { return error(f.number, "/{}", e.what()); }
        std::uint64_t subdirectories = 0;
        for (const auto& [name, value] : entries) {
            Result<std::uint64_t> found = zap.u64(name);
            if (!found.ok() || found.value() != value)
                error(f.number, "/{}: the entry '{}' is not found by its name", path, name);
            if (!is_file_name(name)) error(f.number, "/{}: an impossible name", path);
            subdirectories += zfs::dirent_type(value) == directory_type >> 12;
        }
        if (zap.claimed_entries() != entries.size())
            error(f.number, "/{}: {} entries, its header says {}", path, entries.size(),
                  zap.claimed_entries());
        if (f.attrs.size != entries.size() + 2)
            error(f.number, "/{}: its size is {}, with {} entries", path, f.attrs.size,
                  entries.size());
        if (f.attrs.links != subdirectories + 2)
            error(f.number, "/{}: {} links, with {} folders in it", path, f.attrs.links,
                  subdirectories);
        for (auto& [name, value] : entries)
            pending_.push_back(
                {zfs::dirent_object(value), f.number, zfs::dirent_type(value), below(path, name)});
    }

    // For messages only: of a long path the end is kept, for a damaged pool may nest very deep.
    static std::string below(const std::string& path, const std::string& name) {
        constexpr std::size_t enough = 1024;
        if (path.empty()) return name;
        if (path.size() < enough) return path + "/" + name;
        return "..." + path.substr(path.size() - enough / 2) + "/" + name;
    }

    // Files without a name have to be in the queue of those to be deleted, or hold attributes.
    void check_orphans() {
        std::set<std::uint64_t> queued;
        if (fs_.delete_queue() != 0)
            for (const auto& [name, object] :
                 zap_entries(fs_.objset(), fs_.delete_queue(), "delete queue"))
                queued.insert(object);
        std::uint64_t object = 0;
        for (;;) {
            Result<std::uint64_t> next = fs_.objset().next(object);
            if (!next.ok()) return;
            object = next.value();
            if (seen_.contains(object) || queued.contains(object)) continue;
            Result<zfs::Object> o = fs_.objset().object(object);
            if (!o.ok() || (o.value().phys().type != ObjectType::plain_file_contents &&
                            o.value().phys().type != ObjectType::directory_contents))
                continue;
            Result<Filesystem::File> f = fs_.file(object);
            if (f.ok() && (f.value().attrs.flags & flag_xattr) != 0) continue;
            error(object, "a file without a name");
        }
    }

    Filesystem& fs_;
    const std::string& what_;
    Findings& findings_;
    struct Pending { // a directory's entry
        std::uint64_t object, parent;
        unsigned type;
        std::string path;
    };
    std::vector<Pending> pending_;
    std::map<std::uint64_t, Seen> seen_;
};

} // namespace

void check_files(Filesystem& fs, const std::string& what, Findings& findings) {
    FileChecker{fs, what, findings}.run();
}

} // namespace drupe::mkzfs
