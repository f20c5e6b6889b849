// SPDX-License-Identifier: BSD-2-Clause
#include <mkbootfs/newc.h>

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <map>
#include <random>

using namespace drupe::bootfs;
using namespace drupe::filetree;

namespace {

struct StringSink final : Sink {
    std::string bytes;
    void write(std::span<const char> more) override { bytes.append(more.data(), more.size()); }
};

// Contents that can be told apart: byte i of a file is a function of its name and i.
char content_byte(const std::string& source, std::uint64_t i) {
    return static_cast<char>(source.size() * 31 + i * 7 + i / 251 + 1);
}

struct MadeUp final : Contents {
    std::uint64_t lose = 0; // bytes that the "host" does not deliver
    void copy(const Inode& inode, Sink& sink) override {
        for (std::uint64_t i = 0; i + lose < inode.size; ++i) {
            char c = content_byte(inode.source, i);
            sink.write({&c, 1});
        }
    }
};

struct Read {
    std::string name;
    std::uint64_t number, mode, uid, gid, links, mtime, size, major, minor, name_bytes, data;
};

// An independent reader of the format, strict about everything that docs/bootfs.md promises.
std::vector<Read> read_archive(const std::string& a) {
    std::vector<Read> entries;
    for (std::size_t at = 0;;) {
        REQUIRE(at % 4 == 0);
        REQUIRE(at + 110 <= a.size());
        REQUIRE(a.substr(at, 6) == "070701");
        auto field = [&](std::size_t n) {
            return std::stoull(a.substr(at + 6 + 8 * n, 8), nullptr, 16);
        };
        Read r{"",       field(0), field(1), field(2),  field(3),  field(4),
               field(5), field(6), field(9), field(10), field(11), 0};
        REQUIRE(r.name_bytes <= 4096);
        auto name = a.substr(at + 110, r.name_bytes);
        REQUIRE(name.back() == '\0');
        r.name = name.c_str();
        REQUIRE(name.find_first_not_of('\0', r.name.size()) == std::string::npos);
        r.data = (at + 110 + r.name_bytes + 3) / 4 * 4;
        if (r.name == "TRAILER!!!") {
            REQUIRE(a.find_first_not_of('\0', r.data) == std::string::npos);
            return entries;
        }
        at = (r.data + r.size + 3) / 4 * 4;
        REQUIRE(at <= a.size());
        entries.push_back(r);
    }
}

InodePtr make_file(const std::string& source, std::uint64_t size) {
    auto inode = std::make_shared<Inode>();
    inode->kind = Kind::file;
    inode->mode = 0644;
    inode->source = source;
    inode->size = size;
    return inode;
}

std::string archive_of(const Tree& tree, Layout layout = {}) {
    MadeUp contents;
    StringSink sink;
    auto totals = write_archive(tree, contents, sink, layout);
    CHECK(totals.archive_bytes == sink.bytes.size());
    return sink.bytes;
}

void check_data(const std::string& archive, const Read& r, const Inode& inode) {
    REQUIRE(r.size == inode.size);
    for (std::uint64_t i = 0; i < r.size; ++i)
        if (archive[r.data + i] != content_byte(inode.source, i))
            FAIL(r.name << " differs at " << i);
}

} // namespace

TEST_CASE("larger files begin on a page wherever their header falls, small ones lie anywhere") {
    std::mt19937 random(7);
    for (int round = 0; round < 60; ++round) {
        Tree tree;
        std::map<std::string, InodePtr> files;
        for (int i = 0; i < 40; ++i) {
            // Long names make the case where the padding alone would exceed what readers take.
            std::string name = fmt::format("d{}/", i % 5);
            for (auto parts = random() % 14; parts > 0; --parts)
                name += std::string(random() % 250 + 1, 'n') + "/";
            name += fmt::format("f{}", i);
            static constexpr std::uint64_t sizes[] = {0, 1, 511, 512, 513, 4095, 4096, 4097, 9999};
            files[name] = make_file(name, sizes[random() % 9]);
            tree.put(name, files[name]);
        }
        auto archive = archive_of(tree);
        CHECK(archive.size() % 4096 == 0);
        std::size_t seen = 0;
        for (const auto& r : read_archive(archive)) {
            if ((r.mode & 0170000) != 0100000) continue;
            ++seen;
            if (r.size > 512) CHECK(r.data % 4096 == 0);
            check_data(archive, r, *files.at(r.name));
        }
        CHECK(seen == files.size());
    }
}

TEST_CASE("of several names the last carries the data and all share a number") {
    Tree tree;
    auto inode = make_file("x", 6000);
    for (auto name : {"b", "a", "z/c"}) tree.put(name, inode);
    auto entries = read_archive(archive_of(tree));
    std::vector<Read> links;
    for (const auto& r : entries)
        if (r.links == 3) links.push_back(r);
    REQUIRE(links.size() == 3);
    CHECK(links[0].size == 0);
    CHECK(links[1].size == 0);
    CHECK(links[2].name == "z/c");
    CHECK(links[2].size == 6000);
    CHECK(links[0].number == links[2].number);
}

TEST_CASE("modes, owners, times, devices and link targets arrive") {
    Tree tree;
    auto device = std::make_shared<Inode>();
    device->kind = Kind::char_device;
    device->mode = 0620;
    device->owner = {3, 4};
    device->mtime = 1234567890;
    device->major = 204;
    device->minor = 64;
    tree.put("dev/tty", device);
    auto link = std::make_shared<Inode>();
    link->kind = Kind::symlink;
    link->mode = 0777;
    link->target = std::string(700, 't');
    tree.put("l", link);
    auto archive = archive_of(tree);
    auto entries = read_archive(archive);
    REQUIRE(entries.size() == 4);
    CHECK(entries[0].name == ".");
    CHECK(entries[1].name == "dev");
    CHECK(entries[2].mode == 020620);
    CHECK(entries[2].uid == 3);
    CHECK(entries[2].gid == 4);
    CHECK(entries[2].mtime == 1234567890);
    CHECK(entries[2].major == 204);
    CHECK(entries[2].minor == 64);
    CHECK(archive.substr(entries[3].data, entries[3].size) == link->target);
}

TEST_CASE("what is hidden stays out, and the rest does not depend on it") {
    Tree tree;
    tree.put("usr/lib/a", make_file("a", 10));
    tree.hide_all();
    tree.put("usr/lib/b", make_file("b", 10));
    auto entries = read_archive(archive_of(tree));
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].name == "usr/lib/b");
}

TEST_CASE("a file that shrinks while it is read, or is too large, is an error") {
    Tree tree;
    tree.put("f", make_file("f", 1000));
    MadeUp contents;
    contents.lose = 1;
    StringSink sink;
    CHECK_THROWS_AS(write_archive(tree, contents, sink), Error);
    Tree large;
    large.put("f", make_file("f", std::uint64_t{1} << 32));
    CHECK_THROWS_WITH(write_archive(large, contents, sink), Catch::Contains("4 GiB"));
}
