// SPDX-License-Identifier: BSD-2-Clause
// Compares a finished image with its sources through the reader half of the format library.
#include "browse.h"
#include "codecs.h"
#include "content.h"
#include "failure.h"
#include "walk.h"

#include <filetree/host_file.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace drupe::mkzfs {

using filetree::Inode;
using filetree::Kind;
using zfs::Filesystem;

namespace {

[[noreturn]] void differ(const std::string& path, std::string_view how) {
    fail("verification: /{}: {}", path, how);
}

// What has still to be compared with its source once its attributes were.
struct Pending {
    const std::string* path;
    const Inode* inode;
    std::uint64_t object;
};

// Goes through the names of a dataset.
class Attributes {
public:
    Attributes(Filesystem& fs, const DatasetSettings& dataset) : fs_(fs), dataset_(dataset) {}

    std::vector<Pending> run() {
        std::size_t seen = 0;
        std::vector<Pending> pending;
        walk_files(fs_, [&](const std::string& path, Filesystem::File& f) {
            auto node = dataset_.tree.nodes().find(path);
            if (node == dataset_.tree.nodes().end()) differ(path, "it should not be there");
            const Inode& inode = *node->second.inode;
            compare(path, inode, f);
            pending.push_back({&node->first, &inode, f.number});
            ++seen;
        });
        if (seen != dataset_.tree.nodes().size())
            fail("verification: {} of {} files are missing", dataset_.tree.nodes().size() - seen,
                 dataset_.tree.nodes().size());
        return pending;
    }

private:
    static void compare(const std::string& path, const Inode& inode, const Filesystem::File& f) {
        const zfs::ZplAttrs& a = f.attrs;
        if (a.mode != mode_of(inode)) differ(path, "its mode differs");
        if (a.uid != inode.owner.uid || a.gid != inode.owner.gid) differ(path, "its owner differs");
        if (a.mtime.seconds != static_cast<std::uint64_t>(inode.mtime) ||
            a.mtime.nanoseconds != inode.mtime_nanoseconds)
            differ(path, "its time differs");
        if (inode.kind == Kind::file && a.size != inode.size) differ(path, "its size differs");
        if (inode.kind == Kind::symlink && zfs::text_of(a.symlink) != inode.target)
            differ(path, "its target differs");
    }

    Filesystem& fs_;
    const DatasetSettings& dataset_;
};

// One for each thread, with a reader of its own: its objects keep the blocks they read last.
class Content {
public:
    Content(zfs::BlockSource& image, const Settings& settings, const std::string& dataset)
        : reader_(image, codecs_), pool_(open_pool(reader_, settings.output)),
          fs_(open_dataset(pool_, dataset)) {}

    void compare(const Pending& p) {
        const std::string& path = *p.path;
        if (p.inode->source.empty() && p.inode->kind != Kind::file) return;
        Filesystem::File f = must(fs_.file(p.object), "/" + path);
        zfs::Buffer xattrs;
        if (p.inode->kind == Kind::file) {
            filetree::HostFile source{p.inode->source};
            compare_bytes(path, source, f);
            xattrs = read_xattrs(source.fd(), p.inode->source);
        } else {
            xattrs = read_xattrs(-1, p.inode->source);
        }
        if (zfs::text_of(f.attrs.dxattr) != zfs::text_of(xattrs.span()))
            differ(path, "its extended attributes differ");
    }

private:
    void compare_bytes(const std::string& path, const filetree::HostFile& source,
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

    SystemCodecs codecs_;
    zfs::BlockReader reader_;
    zfs::Pool pool_;
    Filesystem fs_;
    std::vector<std::byte> ours_, theirs_;
};

// Threads take a few neighbours at a time. Of several differences the first in the order of the
// names is told, whichever thread comes upon one first.
class Crew {
public:
    Crew(const std::vector<Pending>& pending, zfs::BlockSource& image, const Settings& settings,
         const std::string& dataset)
        : pending_(pending), image_(image), settings_(settings), dataset_(dataset),
          failed_(pending.size()) {}

    void run() {
        std::vector<std::thread> others;
        for (unsigned i = 1; i < settings_.threads; ++i) others.emplace_back([this] { work(); });
        work();
        for (std::thread& t : others) t.join();
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    static constexpr std::size_t at_once = 32;

    void work() {
        std::size_t at = 0;
        try {
            Content content{image_, settings_, dataset_};
            while ((at = next_.fetch_add(at_once)) < failed_)
                for (std::size_t end = std::min(at + at_once, pending_.size()); at < end; ++at)
                    content.compare(pending_[at]);
        } catch (...) {
            std::lock_guard lock{mutex_};
            if (failure_ && at >= failed_) return;
            failure_ = std::current_exception();
            failed_ = at;
        }
    }

    const std::vector<Pending>& pending_;
    zfs::BlockSource& image_;
    const Settings& settings_;
    const std::string& dataset_;
    std::atomic<std::size_t> next_ = 0, failed_; // failed_: the first that differs, or their number
    std::mutex mutex_;
    std::exception_ptr failure_;
};

} // namespace

void verify_image(zfs::BlockSource& image, const Settings& settings) {
    SystemCodecs codecs;
    zfs::BlockReader reader{image, codecs};
    zfs::Pool pool = open_pool(reader, settings.output);
    for (const DatasetSettings& d : settings.datasets) {
        std::string name = d.name.empty() ? settings.pool : settings.pool + "/" + d.name;
        Filesystem fs = open_dataset(pool, name);
        std::vector<Pending> pending = Attributes{fs, d}.run();
        Crew{pending, image, settings, name}.run();
        if (settings.snapshot.empty()) continue;
        Filesystem snapshot = open_dataset(pool, name + "@" + settings.snapshot);
        if (snapshot.root() != fs.root()) fail("verification: the snapshot of {} differs", name);
    }
}

} // namespace drupe::mkzfs
