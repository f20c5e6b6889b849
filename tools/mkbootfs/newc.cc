// SPDX-License-Identifier: BSD-2-Clause
#include <mkbootfs/newc.h>

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unordered_map>
#include <vector>

namespace drupe::bootfs {

using filetree::Error;
using filetree::Inode;
using filetree::Kind;

namespace {

constexpr std::uint64_t header_bytes = 110;
constexpr std::uint64_t max_name_bytes = 4096; // PATH_MAX: Linux skips entries with a longer name
constexpr std::size_t max_path_bytes = 3900;   // max_name_bytes less what a spacer needs
constexpr std::uint64_t max_field = 0xffff'ffff;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

std::uint32_t type_bits(Kind kind) {
    switch (kind) {
    case Kind::file: return S_IFREG;
    case Kind::directory: return S_IFDIR;
    case Kind::symlink: return S_IFLNK;
    case Kind::char_device: return S_IFCHR;
    case Kind::block_device: return S_IFBLK;
    case Kind::fifo: return S_IFIFO;
    case Kind::socket: return S_IFSOCK;
    }
    return 0;
}

// Counts what goes through, so that the writer knows where it is.
class CountingSink final : public Sink {
public:
    explicit CountingSink(Sink& next) : next_(next) {}
    void write(std::span<const char> bytes) override {
        next_.write(bytes);
        count_ += bytes.size();
    }
    void zeros(std::uint64_t bytes) {
        static constexpr std::array<char, 4096> zero{};
        for (; bytes != 0; bytes -= std::min<std::uint64_t>(bytes, zero.size()))
            write({zero.data(), std::min<std::uint64_t>(bytes, zero.size())});
    }
    std::uint64_t count() const { return count_; }

private:
    Sink& next_;
    std::uint64_t count_ = 0;
};

struct LinkGroup {
    std::uint64_t number = 0;
    std::uint32_t names = 0, written = 0;
};

class Writer {
public:
    Writer(const filetree::Tree& tree, Contents& contents, Sink& sink, const Layout& layout)
        : tree_(tree), contents_(contents), out_(sink), layout_(layout) {}

    Totals run() {
        for (const auto& [path, node] : tree_.nodes()) {
            if (!node.hidden && path.size() > max_path_bytes)
                throw Error(fmt::format("/{}...: the path is longer than {} bytes",
                                        std::string_view(path).substr(0, 60), max_path_bytes));
            if (!node.hidden) ++groups_[node.inode.get()].names;
        }
        for (const auto& [path, node] : tree_.nodes()) {
            if (!node.hidden) entry(path.empty() ? "." : path, *node.inode);
        }
        put("TRAILER!!!", Inode{},
            {.number = 0, .mode = 0, .links = 1, .size = 0, .name_bytes = 11});
        out_.zeros(round_up(out_.count(), layout_.page) - out_.count());
        totals_.archive_bytes = out_.count();
        return totals_;
    }

private:
    void entry(std::string_view name, const Inode& inode) {
        auto& group = groups_[&inode];
        if (group.number == 0) group.number = ++last_number_;
        bool has_data = inode.kind == Kind::file && ++group.written == group.names;
        auto size = inode.kind == Kind::symlink ? inode.target.size() : has_data ? inode.size : 0;
        if (size > max_field)
            throw Error(
                fmt::format("{}: 4 GiB or more do not fit a boot file system", inode.source));

        auto name_bytes = name.size() + 1;
        if (has_data && size > layout_.align_above) name_bytes = aligning_name_bytes(name_bytes);
        std::uint64_t links = inode.kind == Kind::directory ? 2 : group.names;
        put(name, inode,
            {group.number, type_bits(inode.kind) | inode.mode, links, size, name_bytes});
        if (inode.kind == Kind::symlink)
            out_.write(inode.target);
        else if (has_data)
            copy(inode);
        out_.zeros(round_up(out_.count(), 4) - out_.count());
        ++totals_.entries;
    }

    void copy(const Inode& inode) {
        auto before = out_.count();
        contents_.copy(inode, out_);
        if (out_.count() - before != inode.size)
            throw Error(fmt::format("{}: the file changed while it was read", inode.source));
        ++totals_.files;
        totals_.file_bytes += inode.size;
    }

    // How long the next header's name has to be for its data to begin on a page. Where that exceeds
    // what readers take, a spacer goes in front first.
    std::uint64_t aligning_name_bytes(std::uint64_t least) {
        auto data = round_up(out_.count() + header_bytes + least, layout_.page);
        if (data - out_.count() - header_bytes > max_name_bytes) {
            auto header = (data - header_bytes - least) / 4 * 4;
            const auto& root = *tree_.nodes().begin()->second.inode;
            put(".", root,
                {0, type_bits(root.kind) | root.mode, 2, 0, header - out_.count() - header_bytes});
        }
        return data - out_.count() - header_bytes;
    }

    struct Fields {
        std::uint64_t number, mode, links, size, name_bytes;
    };

    void put(std::string_view name, const Inode& inode, Fields f) {
        auto mtime = std::clamp<std::int64_t>(inode.mtime, 0, max_field);
        out_.write(fmt::format(
            "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}",
            f.number, f.mode, inode.owner.uid, inode.owner.gid, f.links, mtime, f.size, 0, 0,
            inode.major, inode.minor, f.name_bytes, 0));
        out_.write(name);
        out_.zeros(f.name_bytes - name.size());
        out_.zeros(round_up(out_.count(), 4) - out_.count());
    }

    const filetree::Tree& tree_;
    Contents& contents_;
    CountingSink out_;
    Layout layout_;
    std::unordered_map<const Inode*, LinkGroup> groups_;
    std::uint64_t last_number_ = 0;
    Totals totals_;
};

} // namespace

Totals write_archive(const filetree::Tree& tree, Contents& contents, Sink& sink,
                     const Layout& layout) {
    return Writer(tree, contents, sink, layout).run();
}

} // namespace drupe::bootfs
