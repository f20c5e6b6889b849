// SPDX-License-Identifier: BSD-2-Clause
// Compares a finished image with its sources through the reader half of the format library.
#include "browse.h"
#include "codecs.h"
#include "content.h"
#include "failure.h"
#include "walk.h"

#include <filetree/host_file.h>

#include <cstring>

namespace drupe::mkzfs {

using filetree::Inode;
using filetree::Kind;
using zfs::Filesystem;

namespace {

class Verifier {
public:
    Verifier(Filesystem& fs, const DatasetSettings& dataset) : fs_(fs), dataset_(dataset) {}

    void run() {
        std::uint64_t seen = 0;
        walk_files(fs_, [&](const std::string& path, Filesystem::File& f) {
            auto node = dataset_.tree.nodes().find(path);
            if (node == dataset_.tree.nodes().end()) differ(path, "it should not be there");
            compare(path, *node->second.inode, f);
            ++seen;
        });
        if (seen != dataset_.tree.nodes().size())
            fail("verification: {} of {} files are missing", dataset_.tree.nodes().size() - seen,
                 dataset_.tree.nodes().size());
    }

private:
    [[noreturn]] void differ(const std::string& path, std::string_view how) {
        fail("verification: /{}: {}", path, how);
    }

    void compare(const std::string& path, const Inode& inode, Filesystem::File& f) {
        const zfs::ZplAttrs& a = f.attrs;
        if (a.mode != mode_of(inode)) differ(path, "its mode differs");
        if (a.uid != inode.owner.uid || a.gid != inode.owner.gid) differ(path, "its owner differs");
        if (a.mtime.seconds != static_cast<std::uint64_t>(inode.mtime) ||
            a.mtime.nanoseconds != inode.mtime_nanoseconds)
            differ(path, "its time differs");
        zfs::Buffer xattrs;
        if (inode.kind == Kind::file) {
            filetree::HostFile source{inode.source};
            if (a.size != inode.size) differ(path, "its size differs");
            compare_content(path, source, f);
            xattrs = read_xattrs(source.fd(), inode.source);
        } else {
            if (inode.kind == Kind::symlink && zfs::text_of(a.symlink) != inode.target)
                differ(path, "its target differs");
            if (!inode.source.empty()) xattrs = read_xattrs(-1, inode.source);
        }
        if (zfs::text_of(a.dxattr) != zfs::text_of(xattrs.span()))
            differ(path, "its extended attributes differ");
    }

    void compare_content(const std::string& path, const filetree::HostFile& source,
                         Filesystem::File& f) {
        std::size_t size = std::max<std::size_t>(f.object.block_size(), 1 << 20);
        ours_.resize(size);
        theirs_.resize(size);
        for (std::uint64_t at = 0; at < f.attrs.size; at += size) {
            // Where both have nothing but holes there is nothing to compare.
            std::uint64_t data = must(f.object.next_data(at / f.object.block_size()), path);
            std::uint64_t next = std::min(data * f.object.block_size(), source.next_data(at));
            if (next > at + size) at = std::min(next, f.attrs.size) / size * size;
            if (at >= f.attrs.size) break;
            std::size_t n = std::min<std::uint64_t>(size, f.attrs.size - at);
            must(f.object.read(at, {ours_.data(), n}), "/" + path);
            source.read(at, {theirs_.data(), n});
            if (std::memcmp(ours_.data(), theirs_.data(), n) != 0)
                differ(path, "its content differs");
        }
    }

    Filesystem& fs_;
    const DatasetSettings& dataset_;
    std::vector<std::byte> ours_, theirs_;
};

} // namespace

void verify_image(zfs::BlockSource& image, const Settings& settings) {
    SystemCodecs codecs;
    zfs::BlockReader reader{image, codecs};
    zfs::Pool pool = open_pool(reader, settings.output);
    for (const DatasetSettings& d : settings.datasets) {
        std::string name = d.name.empty() ? settings.pool : settings.pool + "/" + d.name;
        Filesystem fs = open_dataset(pool, name);
        Verifier{fs, d}.run();
        if (settings.snapshot.empty()) continue;
        Filesystem snapshot = open_dataset(pool, name + "@" + settings.snapshot);
        if (snapshot.root() != fs.root()) fail("verification: the snapshot of {} differs", name);
    }
}

} // namespace drupe::mkzfs
