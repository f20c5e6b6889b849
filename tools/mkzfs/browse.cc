// SPDX-License-Identifier: BSD-2-Clause
#include "browse.h"

#include "codecs.h"
#include "failure.h"
#include "walk.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <drupe/zfs/nvlist.h>

#include <filetree/host_file.h>

namespace drupe::mkzfs {

using filetree::HostPath;
using zfs::Filesystem;

namespace {

constexpr std::size_t copy_bytes = 1 << 20;
constexpr std::uint64_t type_mask = 0170000;

bool is_kind(const zfs::ZplAttrs& a, std::uint64_t kind) { return (a.mode & type_mask) == kind; }

// Everything a command needs to look at one image.
struct Session {
    explicit Session(const std::string& path)
        : input(path), reader(input, codecs), pool(open_pool(reader, path)) {}
    Input input;
    SystemCodecs codecs;
    zfs::BlockReader reader;
    zfs::Pool pool;
};

void list_datasets(zfs::Pool& pool, std::uint64_t dir_object, const std::string& name, int depth) {
    if (depth > 50) fail("datasets are nested too deeply");
    zfs::DslDirPhys dir = must(pool.dir(dir_object), name);
    if (dir.head_dataset_obj != 0) {
        zfs::DslDatasetPhys head = must(pool.dataset(dir.head_dataset_obj), name);
        fmt::print("{}\t{} bytes\n", name, head.referenced_bytes);
        for (const auto& [snapshot, object] : zap_entries(pool.mos(), head.snapnames_zapobj, name))
            fmt::print("{}@{}\t{} bytes\n", name, snapshot,
                       must(pool.dataset(object), name).referenced_bytes);
    }
    for (const auto& [child, object] : zap_entries(pool.mos(), dir.child_dir_zapobj, name))
        if (!child.starts_with('$')) list_datasets(pool, object, name + "/" + child, depth + 1);
}

void print_file(const std::string& path, const Filesystem::File& f) {
    std::time_t seconds = static_cast<std::time_t>(f.attrs.mtime.seconds);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char time[32];
    std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &utc);
    fmt::print("{:06o} {}:{} n{} {:>10} {} /{}", f.attrs.mode, f.attrs.uid, f.attrs.gid,
               f.attrs.links, f.attrs.size, time, printable(path));
    if (is_kind(f.attrs, S_IFLNK)) fmt::print(" -> {}", printable(zfs::text_of(f.attrs.symlink)));
    if (f.attrs.has(zfs::ZplAttr::rdev))
        fmt::print(" {}:{}", f.attrs.rdev >> 20, f.attrs.rdev & 0xfffff);
    fmt::print("\n");
}

// Calls `use(offset, bytes)` for a file's data; holes are skipped.
template <class Use>
void read_data(Filesystem::File& f, const std::string& path, Use use) {
    std::size_t size = f.object.block_size();
    std::vector<std::byte> buffer(size);
    std::uint64_t block = 0;
    while ((block = must(f.object.next_data(block), path)) * size < f.attrs.size &&
           block < f.object.block_count()) {
        std::uint64_t at = block * size;
        zfs::MutableBytes part{buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                  size, f.attrs.size - at))};
        zfs::Blkptr bp = must(f.object.pointer(block), path);
        if (bp.is_hole()) std::memset(part.data(), 0, part.size());
        must(f.object.read(at, part), path);
        use(at, zfs::Bytes{part});
        ++block;
    }
}

void write_all(int fd, std::uint64_t at, zfs::Bytes bytes, const std::string& path) {
    while (!bytes.empty()) {
        ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("{}: {}", path, std::strerror(errno));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
}

class Extractor {
public:
    Extractor(Filesystem& fs, const std::string& folder) : fs_(fs), folder_(folder) {}

    void run() {
        if (mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST) complain(folder_);
        walk_files(fs_, [&](const std::string& path, Filesystem::File& f) {
            std::string to = path.empty() ? folder_ : folder_ + "/" + path;
            if (is_kind(f.attrs, S_IFDIR)) {
                if (!path.empty() && mkdir(HostPath(to).c_str(), 0700) != 0) complain(to);
                later_.emplace_back(to, f.attrs.mode, f.attrs.mtime, f.attrs.uid, f.attrs.gid);
                set_xattrs(f, to);
                return;
            }
            auto [first, fresh] = done_.emplace(f.number, to);
            if (!fresh) {
                if (link(HostPath(first->second).c_str(), HostPath(to).c_str()) != 0) complain(to);
                return;
            }
            make(f, to);
            set_xattrs(f, to);
            settle({to, f.attrs.mode, f.attrs.mtime, f.attrs.uid, f.attrs.gid});
        });
        // Folders last: what goes into them changes their times and may need their permissions.
        for (auto d = later_.rbegin(); d != later_.rend(); ++d) settle(*d);
    }

private:
    struct Settled {
        Settled(std::string p, std::uint64_t m, zfs::ZplTime t, std::uint64_t u, std::uint64_t g)
            : path(std::move(p)), mode(m), time(t), uid(u), gid(g) {}
        std::string path;
        std::uint64_t mode;
        zfs::ZplTime time;
        std::uint64_t uid, gid;
    };

    [[noreturn]] void complain(const std::string& path) {
        fail("{}: {}", path, std::strerror(errno));
    }

    void make(Filesystem::File& f, const std::string& to) {
        switch (f.attrs.mode & type_mask) {
        case S_IFREG: return make_file(f, to);
        case S_IFLNK: {
            std::string target(zfs::text_of(f.attrs.symlink));
            if (symlink(target.c_str(), HostPath(to).c_str()) != 0) complain(to);
            return;
        }
        default:
            if (mknod(HostPath(to).c_str(), static_cast<mode_t>(f.attrs.mode),
                      makedev(static_cast<unsigned>(f.attrs.rdev >> 20),
                              static_cast<unsigned>(f.attrs.rdev & 0xfffff))) != 0)
                complain(to);
        }
    }

    void make_file(Filesystem::File& f, const std::string& to) {
        int fd =
            open(HostPath(to).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) complain(to);
        try {
            read_data(f, to, [&](std::uint64_t at, zfs::Bytes b) { write_all(fd, at, b, to); });
            if (ftruncate(fd, static_cast<off_t>(f.attrs.size)) != 0) complain(to);
        } catch (...) {
            close(fd);
            throw;
        }
        if (close(fd) != 0) complain(to);
    }

    void set_xattrs(Filesystem::File& f, const std::string& to) {
        if (f.attrs.dxattr.empty()) return;
        zfs::NvList list = must(zfs::NvList::open(f.attrs.dxattr), to);
        zfs::NvList::Cursor cursor{list};
        zfs::NvPair pair;
        while (must(cursor.next(pair), to)) {
            zfs::Bytes value = must(pair.as_byte_array(), to);
            std::string name(pair.name);
            // Other name spaces need privileges or a file system that has them.
            if (lsetxattr(HostPath(to).c_str(), name.c_str(), value.data(), value.size(), 0) != 0 &&
                name.starts_with("user."))
                complain(to + ": " + name);
        }
    }

    void settle(const Settled& s) {
        bool is_link = (s.mode & type_mask) == S_IFLNK;
        const HostPath path{s.path};
        if (geteuid() == 0 &&
            lchown(path.c_str(), static_cast<uid_t>(s.uid), static_cast<gid_t>(s.gid)) != 0)
            complain(s.path);
        if (!is_link && chmod(path.c_str(), static_cast<mode_t>(s.mode & 07777)) != 0)
            complain(s.path);
        timespec times[2];
        times[0].tv_sec = times[1].tv_sec = static_cast<time_t>(s.time.seconds);
        times[0].tv_nsec = times[1].tv_nsec = static_cast<long>(s.time.nanoseconds % 1000000000);
        if (utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) complain(s.path);
    }

    Filesystem& fs_;
    std::string folder_;
    std::vector<Settled> later_;
    std::map<std::uint64_t, std::string> done_;
};

} // namespace

zfs::Pool open_pool(zfs::BlockReader& reader, std::string_view what) {
    zfs::Refusal why;
    Result<zfs::Pool> pool = zfs::Pool::open(reader, why);
    if (!pool.ok()) fail("{}: {}", what, why.text().empty() ? words_for(pool.error()) : why.text());
    return std::move(pool).value();
}

zfs::Filesystem open_dataset(zfs::Pool& pool, std::string_view name) {
    Result<std::uint64_t> object = pool.find_dataset(name);
    if (!object.ok() && object.error() == Errc::not_found) fail("there is no dataset {}", name);
    zfs::DslDatasetPhys phys = must(pool.dataset(must(std::move(object), name)), name);
    zfs::Refusal why;
    Result<Filesystem> fs = Filesystem::open(pool.reader(), phys.bp, why);
    if (!fs.ok()) fail("{}: {}", name, why.text().empty() ? words_for(fs.error()) : why.text());
    return std::move(fs).value();
}

int list_command(const std::string& image, const std::string& dataset) {
    Session s{image};
    if (dataset.empty()) {
        std::uint64_t root = must(s.pool.root_dir(), image);
        list_datasets(s.pool, root, s.pool.facts().name, 0);
        return 0;
    }
    Filesystem fs = open_dataset(s.pool, dataset);
    walk_files(fs, print_file);
    return 0;
}

int cat_command(const std::string& image, const std::string& dataset, const std::string& path) {
    Session s{image};
    Filesystem fs = open_dataset(s.pool, dataset);
    Filesystem::File f = must(fs.file(fs.root()), path);
    std::string clean = filetree::normalise(path);
    for (std::size_t at = 0; at < clean.size();) {
        std::size_t end = std::min(clean.find('/', at), clean.size());
        Result<std::uint64_t> entry = fs.lookup(f, std::string_view(clean).substr(at, end - at));
        if (!entry.ok()) fail("{}: {}", path, words_for(entry.error()));
        f = must(fs.file(zfs::dirent_object(entry.value())), path);
        at = end + 1;
    }
    if (!is_kind(f.attrs, S_IFREG)) fail("{}: not a regular file", path);
    std::vector<std::byte> buffer(copy_bytes);
    for (std::uint64_t at = 0; at < f.attrs.size; at += buffer.size()) {
        std::size_t n = std::min<std::uint64_t>(buffer.size(), f.attrs.size - at);
        must(f.object.read(at, {buffer.data(), n}), path);
        if (std::fwrite(buffer.data(), 1, n, stdout) != n)
            fail("standard output: {}", std::strerror(errno));
    }
    return 0;
}

int extract_command(const std::string& image, const std::string& dataset,
                    const std::string& folder) {
    Session s{image};
    Filesystem fs = open_dataset(s.pool, dataset);
    Extractor{fs, folder}.run();
    return 0;
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') out += '\\';
        if (u < ' ' || u >= 127)
            out += fmt::format("\\u{:04x}", u);
        else
            out += c;
    }
    return out + '"';
}

} // namespace drupe::mkzfs
