// SPDX-License-Identifier: BSD-2-Clause
// Whole images, written into a temporary folder, read back and checked by the other half.
#include <catch2/catch.hpp>

#include <browse.h>
#include <check.h>
#include <failure.h>
#include <image.h>
#include <properties.h>

#include <filetree/manifest.h>

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace drupe;
using namespace drupe::mkzfs;
namespace stdfs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string name = (stdfs::temp_directory_path() / "mkzfs-test-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path = name;
    }
    ~Folder() { stdfs::remove_all(path); }
    std::string operator/(const std::string& name) const { return (path / name).string(); }
    stdfs::path path;
};

void put(const std::string& path, const std::string& content) {
    stdfs::create_directories(stdfs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
}

std::string noise(std::size_t n, unsigned seed) {
    std::mt19937 random{seed};
    std::string s(n, '\0');
    for (char& c : s) c = static_cast<char>(random());
    return s;
}

std::string words(std::size_t n) {
    std::string s;
    for (unsigned i = 0; s.size() < n; ++i) s += "line " + std::to_string(i * 7919 % 1000) + "\n";
    s.resize(n);
    return s;
}

// Everything that is awkward, small enough for a unit test.
void make_tree(const std::string& root) {
    put(root + "/empty", "");
    put(root + "/one", "1");
    for (std::size_t n : {511u, 512u, 513u, 4096u, 131071u, 131072u, 131073u, 400000u})
        put(root + "/sizes/" + std::to_string(n), words(n));
    put(root + "/noise", noise(700000, 1));
    put(root + "/deep/" + std::string(200, 'd') + "/" + std::string(255, 'n'), "deep");
    put(root + "/bytes/\x01\xff \n\"name", "odd");
    for (int i = 0; i < 600; ++i)
        put(root + "/many/" + std::string(60, 'm') + std::to_string(i), std::to_string(i));
    stdfs::create_hard_link(root + "/one", root + "/two");
    stdfs::create_symlink("one", root + "/short");
    stdfs::create_symlink(std::string(1000, 'l'), root + "/long");
    { // a hole of 150 MiB between two bytes: three levels of pointers
        int fd = open((root + "/sparse").c_str(), O_WRONLY | O_CREAT, 0644);
        REQUIRE(pwrite(fd, "a", 1, 0) == 1);
        REQUIRE(pwrite(fd, "z", 1, 150 << 20) == 1);
        close(fd);
    }
    std::string value(2000, 'v');
    setxattr((root + "/one").c_str(), "user.large", value.data(), value.size(), 0);
    setxattr((root + "/empty").c_str(), "user.small", "x", 1, 0);
}

Settings settings_for(const std::string& output, const std::string& tree) {
    Settings s;
    s.output = output;
    s.datasets.emplace_back();
    filetree::add_host(s.datasets[0].tree, "", tree, {});
    return s;
}

void build(const Settings& s) {
    Output out{s.output};
    write_image(s, out, {});
    verify_image(out, s);
    out.finish();
}

std::vector<std::string> problems(const std::string& image) {
    Input input{image};
    return check_pool(input).errors;
}

std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("every compression, checksum and ashift gives a sound image of an awkward tree") {
    auto [compression, checksum, ashift] =
        GENERATE(table<const char*, const char*, unsigned>({{"off", "fletcher4", 12},
                                                            {"zle", "sha256", 9},
                                                            {"lz4", "fletcher4", 13},
                                                            {"gzip-1", "fletcher4", 9},
                                                            {"zstd-3", "sha256", 12},
                                                            {"lz4", "fletcher4", 16}}));
    Folder folder;
    make_tree(folder / "tree");
    Settings s = settings_for(folder / "image", folder / "tree");
    set_property(s.datasets[0], "compression", compression);
    set_property(s.datasets[0], "checksum", checksum);
    s.ashift = ashift;
    s.threads = 2;
    build(s);
    CHECK(problems(s.output) == std::vector<std::string>{});
}

TEST_CASE("an image depends on its content only") {
    Folder folder;
    make_tree(folder / "tree");
    std::string first;
    for (unsigned threads : {1u, 2u, 7u}) {
        Settings s = settings_for(folder / ("image" + std::to_string(threads)), folder / "tree");
        set_property(s.datasets[0], "compression", "lz4");
        s.threads = threads;
        build(s);
        std::string image = content(s.output);
        if (first.empty()) first = image;
        CHECK((image == first));
    }
}

TEST_CASE("datasets have their own properties and a snapshot of their own") {
    Folder folder;
    put(folder / "a/x", "root");
    put(folder / "b/y", words(300000));
    Settings s = settings_for(folder / "image", folder / "a");
    s.snapshot = "build";
    for (const char* name : {"data", "data/home"}) {
        DatasetSettings& d = s.datasets.emplace_back();
        d.name = name;
        set_property(d, "mountpoint", "/" + std::string(name));
        set_property(d, "compression", "gzip");
        filetree::add_host(d.tree, "", folder / "b", {});
    }
    build(s);
    CHECK(problems(s.output) == std::vector<std::string>{});
    Folder out;
    REQUIRE(extract_command(s.output, "drupe/data/home@build", out / "x") == 0);
    CHECK(content(out / "x/y") == words(300000));
}

TEST_CASE("what is extracted is what went in") {
    Folder folder;
    make_tree(folder / "tree");
    Settings s = settings_for(folder / "image", folder / "tree");
    build(s);
    REQUIRE(extract_command(s.output, "drupe", folder / "out") == 0);
    Settings again = settings_for(folder / "image2", folder / "out");
    build(again);
    CHECK((content(s.output) == content(again.output)));
}

TEST_CASE("a flipped bit is an error or changes nothing") {
    Folder folder;
    make_tree(folder / "tree");
    stdfs::remove(folder / "tree/sparse");
    stdfs::remove_all(folder / "tree/many");
    Settings s = settings_for(folder / "image", folder / "tree");
    set_property(s.datasets[0], "compression", "lz4");
    Report report;
    {
        Output out{s.output};
        report = write_image(s, out, {});
        out.finish();
    }
    std::mt19937 random{11};
    int fd = open(s.output.c_str(), O_RDWR);
    int noticed = 0;
    constexpr int flips = 60;
    for (int i = 0; i < flips; ++i) {
        off_t at = static_cast<off_t>(zfs::label_start_size + random() % report.allocated);
        unsigned char byte = 0, bad = 0;
        REQUIRE(pread(fd, &byte, 1, at) == 1);
        bad = static_cast<unsigned char>(byte ^ 1u << random() % 8);
        REQUIRE(pwrite(fd, &bad, 1, at) == 1);
        try {
            Input input{s.output};
            CheckResult result = check_pool(input);
            // Only the unused rest of a block's last sectors may go unnoticed.
            if (result.error_count == 0) verify_image(input, s);
            noticed += result.error_count != 0;
        } catch (const Error&) { ++noticed; }
        REQUIRE(pwrite(fd, &byte, 1, at) == 1);
    }
    close(fd);
    CHECK(noticed > flips / 3); // most of the allocated bytes are covered by a checksum
    CHECK(problems(s.output) == std::vector<std::string>{});
}

TEST_CASE("verification tells the first of several differences, with any number of threads") {
    Folder folder;
    make_tree(folder / "tree");
    Settings s = settings_for(folder / "image", folder / "tree");
    build(s);
    auto change = [&](const std::string& name) {
        std::fstream file(folder / ("tree/" + name),
                          std::ios::binary | std::ios::in | std::ios::out);
        file.put('?');
    };
    change("two"); // "one" is the same file, and the first of its names
    change("sizes/512");
    change("many/" + std::string(60, 'm') + "17");
    change("noise");
    std::string first = "verification: /many/" + std::string(60, 'm') + "17: its content differs";
    for (unsigned threads : {1u, 2u, 3u, 8u}) {
        s.threads = threads;
        Input input{s.output};
        CHECK_THROWS_WITH(verify_image(input, s), first);
    }
}

TEST_CASE("folders two thousand deep go in and come out again") {
    Folder folder;
    stdfs::create_directory(folder / "tree");
    int at = open((folder / "tree").c_str(), O_RDONLY);
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(mkdirat(at, "dd", 0755) == 0);
        int next = openat(at, "dd", O_RDONLY);
        close(at);
        at = next;
    }
    int fd = openat(at, "leaf", O_WRONLY | O_CREAT, 0644);
    REQUIRE(write(fd, "deep", 4) == 4);
    close(fd);
    close(at);
    Settings s = settings_for(folder / "image", folder / "tree");
    build(s); // with verification: the sources are read twice
    CHECK(problems(s.output) == std::vector<std::string>{});
    REQUIRE(extract_command(s.output, "drupe", folder / "out") == 0);
    Settings again = settings_for(folder / "image2", folder / "out");
    build(again);
    CHECK((content(s.output) == content(again.output)));
}

TEST_CASE("bad input is refused with a sentence") {
    DatasetSettings d;
    CHECK_THROWS_AS(set_property(d, "compresion", "lz4"), Error);
    CHECK_THROWS_AS(set_property(d, "compression", "lz5"), Error);
    CHECK_THROWS_AS(set_property(d, "compression", "gzip-10"), Error);
    CHECK_THROWS_AS(set_property(d, "recordsize", "100K"), Error);
    CHECK_THROWS_AS(set_property(d, "atime", "maybe"), Error);
    CHECK_THROWS_AS(set_property(d, "mountpoint", "relative"), Error);
    CHECK_THROWS_AS(check_pool_name("mirror1"), Error);
    CHECK_THROWS_AS(check_dataset_name("a//b"), Error);
    CHECK_THROWS_AS(parse_size("12Q", "size"), Error);
    CHECK(parse_size("64MiB", "size") == 64ull << 20);
    CHECK(parse_size("1g", "size") == 1ull << 30);
}

TEST_CASE("an image that cannot be finished leaves nothing behind") {
    Folder folder;
    put(folder / "tree/file", "x");
    Settings s = settings_for(folder / "image", folder / "tree");
    put(folder / "tree/file", "longer than before");
    CHECK_THROWS_WITH([&] { build(s); }(), Catch::Contains("changed while it was read"));
    std::size_t names = 0;
    for ([[maybe_unused]] const auto& e : stdfs::directory_iterator(folder.path)) ++names;
    CHECK(names == 1);
}

TEST_CASE("a size that does not hold the content is refused") {
    Folder folder;
    put(folder / "tree/noise", noise(70 << 20, 2));
    Settings s = settings_for(folder / "image", folder / "tree");
    s.size = 64 << 20;
    CHECK_THROWS_WITH([&] { build(s); }(), Catch::Contains("too small"));
}
