// SPDX-License-Identifier: BSD-2-Clause
// A whole pool whose structures were changed and whose checksums are right: opening it, walking its
// files and checking it end, stay inside their buffers, and touch each block a bounded number of
// times. The input is a list of changes; see Change.
#include "plain_pool.h"

#include "../target.h"

#include <check.h>
#include <codecs.h>
#include <failure.h>
#include <image.h>

#include <filetree/manifest.h>

#include <drupe/zfs/nvlist.h>
#include <drupe/zfs/pool.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sys/xattr.h>
#include <unistd.h>

using namespace drupe;
namespace stdfs = std::filesystem;

namespace {

constexpr std::size_t max_changes = 6, max_reads = 400'000;

struct Change {
    std::uint8_t where; // most often a word that is not zero or one of a dnode, else any place
    std::uint8_t how;   // set, flip a bit, add, or take another word's value
    std::uint8_t pad[2];
    std::uint32_t place;
    std::uint64_t value;
};
static_assert(sizeof(Change) == 16);

// Two datasets with a snapshot: every kind of object, table, pointer tree and attribute area.
mkzfs::Settings settings(const std::string& folder) {
    auto put = [&](const std::string& name, const std::string& content) {
        stdfs::create_directories(stdfs::path(folder + name).parent_path());
        std::ofstream(folder + name, std::ios::binary) << content;
    };
    std::string text(60'000, 't');
    for (std::size_t i = 0; i < text.size(); i += 97) text[i] = static_cast<char>(i);
    put("/a/file", text);
    put("/a/empty", "");
    put("/a/b/c/deep", "deep");
    for (int i = 0; i < 25; ++i) put("/many/" + std::string(60, 'n') + std::to_string(i), "");
    put("/sparse", "s");
    stdfs::resize_file(folder + "/sparse", 40 << 20);
    stdfs::create_hard_link(folder + "/a/empty", folder + "/a/again");
    stdfs::create_symlink("a/file", folder + "/short");
    stdfs::create_symlink(std::string(600, 'l'), folder + "/long"); // a spill block
    setxattr((folder + "/a/empty").c_str(), "user.x", "value", 5, 0);
    mkzfs::Settings s;
    s.pool = "fuzz";
    s.ashift = 9;
    s.snapshot = "snap";
    s.datasets.resize(2);
    s.datasets[1].name = "data";
    for (mkzfs::DatasetSettings& d : s.datasets) {
        d.record_size = 4096;
        filetree::HostOptions host;
        host.mtime = 1;
        filetree::add_host(d.tree, "", folder, host);
    }
    return s;
}

mkzfs::SystemCodecs codecs;

fuzz::PlainPool& pool() {
    static std::unique_ptr<fuzz::PlainPool> made = [] {
        std::string folder = (stdfs::temp_directory_path() / "pool-fuzz-XXXXXX").string();
        FUZZ_CHECK(mkdtemp(folder.data()) != nullptr);
        mkzfs::Settings s = settings(folder);
        mkzfs::Output out{folder + "/image"};
        mkzfs::write_image(s, out, {});
        auto p = std::make_unique<fuzz::PlainPool>(out, codecs);
        stdfs::remove_all(folder);
        return p;
    }();
    return *made;
}

// What the kernel's side will do: only the format library.
class Walk {
public:
    explicit Walk(zfs::BlockSource& source) : reader_(source, codecs) {}

    void run() {
        zfs::Refusal why;
        auto opened = zfs::Pool::open(reader_, why);
        if (!opened.ok()) return;
        zfs::Pool p = std::move(opened).value();
        for (std::string_view name : {"fuzz", "fuzz/data@snap"}) {
            auto object = p.find_dataset(name);
            if (!object.ok()) continue;
            auto phys = p.dataset(object.value());
            if (!phys.ok()) continue;
            auto fs = zfs::Filesystem::open(reader_, phys.value().bp, why);
            if (fs.ok()) go(fs.value(), fs.value().root(), 0);
        }
    }

private:
    void go(zfs::Filesystem& fs, std::uint64_t number, int depth) {
        auto opened = fs.file(number);
        if (!opened.ok() || ++files_ > 2000 || depth > 6) return;
        zfs::Filesystem::File f = std::move(opened).value();
        attributes(f);
        if (f.object.phys().type != zfs::ObjectType::directory_contents) return content(f);
        auto zap = zfs::ZapReader::open(f.object);
        if (!zap.ok()) return;
        zfs::ZapEntry e;
        std::vector<std::pair<std::string, std::uint64_t>> entries;
        for (std::uint64_t at = 0; entries.size() < 300;) {
            auto more = zap.value().next(at, e);
            if (!more.ok() || !more.value()) break;
            entries.emplace_back(e.name, e.value);
        }
        for (const auto& [name, value] : entries) {
            (void)fs.lookup(f, name);
            go(fs, zfs::dirent_object(value), depth + 1);
        }
    }

    void attributes(zfs::Filesystem::File& f) {
        auto inside = [](zfs::Bytes part, zfs::Bytes whole) {
            return part.data() >= whole.data() &&
                   part.data() + part.size() <= whole.data() + whole.size();
        };
        for (zfs::Bytes v : {f.attrs.symlink, f.attrs.dxattr})
            FUZZ_CHECK(v.empty() || inside(v, f.object.bonus()) || inside(v, f.spill.span()));
        auto list = zfs::NvList::open(f.attrs.dxattr);
        if (!list.ok()) return;
        zfs::NvList::Cursor cursor{list.value()};
        zfs::NvPair pair;
        for (;;) {
            auto more = cursor.next(pair);
            if (!more.ok() || !more.value()) return;
            (void)pair.as_byte_array();
        }
    }

    void content(zfs::Filesystem::File& f) {
        constexpr std::size_t guard = 16;
        std::byte out[9000 + guard];
        std::fill(std::begin(out), std::end(out), std::byte{0xa5});
        std::uint64_t at = std::min<std::uint64_t>(f.attrs.size, 5000);
        (void)f.object.read(at, {out, sizeof out - guard});
        (void)f.object.read(f.attrs.size, {out, 100});
        for (std::size_t i = sizeof out - guard; i < sizeof out; ++i)
            FUZZ_CHECK(out[i] == std::byte{0xa5});
        auto next = f.object.next_data(1);
        FUZZ_CHECK(!next.ok() || next.value() >= 1 || f.object.block_count() == 0);
    }

    zfs::BlockReader reader_;
    int files_ = 0;
};

void apply(fuzz::PlainPool& p, const Change& c) {
    const std::vector<std::size_t>& words = p.words();
    std::size_t at = c.place % (p.end() - zfs::label_start_size - 8) + zfs::label_start_size;
    if (c.where % 8 < 3) at = words[c.place % words.size()];
    if (c.where % 8 > 3) at = p.dnode_words()[c.place % p.dnode_words().size()];
    if (c.where % 8 > 5) { // what everything else about an object is computed from
        constexpr std::size_t all = zfs::dnode_size / 8, head = zfs::dnode_core_size / 8 / 2;
        std::size_t dnodes = p.dnode_words().size() / all;
        at = p.dnode_words()[c.place / head % dnodes * all + c.place % head];
    }
    std::uint64_t old = p.word(at);
    switch (c.how % 4) {
    case 0: return p.change(at, c.value);
    case 1: return p.change(at, old ^ 1ull << c.value % 64);
    case 2:
        return p.change(at, old + static_cast<std::uint64_t>(static_cast<std::int8_t>(c.value)));
    default: return p.change(at, p.word(words[c.value % words.size()]));
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    fuzz::PlainPool& p = pool();
    for (std::size_t i = 0; i < max_changes && bytes >= sizeof(Change); ++i) {
        Change c;
        std::memcpy(&c, data, sizeof c);
        data += sizeof c;
        bytes -= sizeof c;
        apply(p, c);
    }
    p.repair();
    Walk{p}.run();
    FUZZ_CHECK(p.reads() < max_reads);
    try {
        (void)mkzfs::check_pool(p);
    } catch (const mkzfs::Error&) { // the pool cannot be opened
    }
    FUZZ_CHECK(p.reads() < max_reads);
    p.undo();
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    // The pool as it is has to be sound but for what copying changed: places, sizes, labels.
    std::size_t files = mkzfs::check_pool(pool()).files;
    pool().undo();
    FUZZ_CHECK(files > 60);
    std::vector<std::vector<std::uint8_t>> corpus;
    for (std::uint32_t i = 0; i < 16; ++i) {
        Change c[2] = {};
        for (Change& one : c) {
            one.where = static_cast<std::uint8_t>(i / 4 * 2); // words and dnodes in equal parts
            one.how = static_cast<std::uint8_t>(i);
            one.place = i * 0x9e3779b9u + static_cast<std::uint32_t>(&one - c) * 12345;
            one.value = i < 8 ? i : std::uint64_t{1} << (4 * i);
        }
        auto* raw = reinterpret_cast<const std::uint8_t*>(c);
        corpus.emplace_back(raw, raw + sizeof c);
    }
    return corpus;
}
