// SPDX-License-Identifier: BSD-2-Clause
#include "walk.h"

#include <algorithm>
#include <set>

namespace drupe::mkzfs {

ZapEntries zap_entries(zfs::BlockView& view, std::string_view what) {
    zfs::ZapReader zap = must(zfs::ZapReader::open(view), what);
    ZapEntries all;
    zfs::ZapEntry e;
    for (std::uint64_t at = 0; must(zap.next(at, e), what);) all.emplace_back(e.name, e.value);
    std::sort(all.begin(), all.end());
    return all;
}

ZapEntries zap_entries(zfs::Objset& objset, std::uint64_t object, std::string_view what) {
    zfs::Object table = must(objset.object(object), what);
    return zap_entries(table, what);
}

bool is_file_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
           name.find('/') == name.npos && name.find('\0') == name.npos;
}

namespace {

constexpr std::size_t max_path_bytes = 64 * 1024; // a damaged pool may nest as deep as it is large

class Walker {
public:
    Walker(zfs::Filesystem& fs, const FileVisitor& visit) : fs_(fs), visit_(visit) {}

    void run() {
        pending_.push_back({fs_.root(), ""});
        while (!pending_.empty()) {
            Pending next = std::move(pending_.back());
            pending_.pop_back();
            look(next.object, next.path);
        }
    }

private:
    struct Pending {
        std::uint64_t object;
        std::string path;
    };

    void look(std::uint64_t object, const std::string& path) {
        zfs::Filesystem::File f = must(fs_.file(object), "/" + path);
        visit_(path, f);
        if ((f.attrs.mode & 0170000) != 0040000) return;
        if (f.object.phys().type != zfs::ObjectType::directory_contents ||
            !seen_.insert(object).second)
            fail("/{}: it is damaged", path);
        if (path.size() > max_path_bytes) fail("/{}...: nested too deeply", path.substr(0, 100));
        ZapEntries entries = zap_entries(f.object, "/" + path);
        for (auto e = entries.rbegin(); e != entries.rend(); ++e) { // the first is taken next
            if (!is_file_name(e->first)) fail("/{}: it holds an impossible name", path);
            pending_.push_back({zfs::dirent_object(e->second),
                                path.empty() ? std::move(e->first) : path + "/" + e->first});
        }
    }

    zfs::Filesystem& fs_;
    const FileVisitor& visit_;
    std::vector<Pending> pending_;
    std::set<std::uint64_t> seen_; // directories: one with two parents would never end
};

} // namespace

void walk_files(zfs::Filesystem& fs, const FileVisitor& visit) { Walker{fs, visit}.run(); }

} // namespace drupe::mkzfs
