// SPDX-License-Identifier: BSD-2-Clause
#include <filetree/manifest.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace drupe::filetree;

namespace {

std::vector<Entry> parse(std::string_view text, Variables variables = {}) {
    return parse_manifest(text, "m", variables);
}

std::string complaint(std::string_view text) {
    try {
        parse(text);
    } catch (const Error& e) { return e.what(); }
    return {};
}

// A folder that goes away with the test.
struct Scratch {
    std::filesystem::path path;
    Scratch() {
        auto name = (std::filesystem::temp_directory_path() / "filetree-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Scratch() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name, std::ios::binary) << text;
        return path / name;
    }
};

std::string paths_of(const Tree& tree) {
    std::string all;
    for (const auto& [path, node] : tree.nodes()) all += path + "\n";
    return all;
}

} // namespace

TEST_CASE("a copy line gives both paths and its attributes") {
    auto entries =
        parse("# comment\n\n/usr/bin/tool: out/tool mode=4755 owner=1:22 mtime=7 # why\n");
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].path == "usr/bin/tool");
    CHECK(entries[0].words[0].text == "out/tool");
    CHECK(entries[0].line == 3);
    CHECK(*entries[0].attributes.mode == 04755);
    CHECK(entries[0].attributes.owner->gid == 22);
    CHECK(*entries[0].attributes.mtime == 7);
}

TEST_CASE("quotes and escapes carry any byte but NUL") {
    auto entries = parse("\"/a b\\x0a\\\"c\": \"x y\"\n/d\\ e: \\%file\\*\n");
    CHECK(entries[0].path == "a b\n\"c");
    CHECK(entries[0].words[0].text == "x y");
    CHECK(entries[1].path == "d e");
    CHECK(entries[1].words[0].text == "%file*");
    CHECK_FALSE(entries[1].words[0].is_glob);
    CHECK(complaint("/a: \\x00").find("NUL") != std::string::npos);
    CHECK(parse("/a:b: c")[0].path == "a:b");
}

TEST_CASE("devices, links and folders have directives") {
    auto entries = parse("/d: %dir mode=1777\n/s: %symlink ../x\n/n: %char 1:3 mode=666\n/h: "
                         "%hardlink /s\n/r: %remove\n");
    CHECK(entries[0].directive == Directive::directory);
    CHECK(entries[1].words[0].text == "../x");
    CHECK(entries[2].major == 1);
    CHECK(entries[2].minor == 3);
    CHECK(entries[3].directive == Directive::hardlink);
    CHECK(entries[4].directive == Directive::remove);
}

TEST_CASE("variables are defined, given and missed") {
    auto entries = parse("%define top \"/srv/my files\"\n/a: %{top}/%{given}\n", {{"given", "g*"}});
    CHECK(entries[0].words[0].text == "/srv/my files/g*");
    CHECK_FALSE(entries[0].words[0].is_glob); // what a variable brings is never a pattern
    CHECK(complaint("/a: %{nothing}") == "m:1: the variable 'nothing' is not defined");
}

TEST_CASE("each bad line is refused with its number and the reason") {
    CHECK(complaint("\nusr: x").find("m:2: 'usr' should begin with '/'") == 0);
    CHECK(complaint("/a x").find("/path/in/image: path/on/host") != std::string::npos);
    CHECK(complaint("/a:").find("nothing stands behind") != std::string::npos);
    CHECK(complaint("/a: \"x").find("quote") != std::string::npos);
    CHECK(complaint("/a: x mode=9").find("octal mode") != std::string::npos);
    CHECK(complaint("/a: x mode=17777").find("octal mode") != std::string::npos);
    CHECK(complaint("/a: x owner=1").find("UID:GID") != std::string::npos);
    CHECK(complaint("/a: x colour=red").find("none of") != std::string::npos);
    CHECK(complaint("/a: %device 1:2").find("no directive") != std::string::npos);
    CHECK(complaint("/a/../b: x").find("..") != std::string::npos);
    CHECK(complaint("/a: *.so").find("needs a folder") != std::string::npos);
    CHECK(complaint(std::string_view("/a: x\0y", 7)).find("NUL") != std::string::npos);
}

TEST_CASE("patterns match as in a shell") {
    CHECK(glob_match("*.so.[0-9]*", "libc.so.6"));
    CHECK_FALSE(glob_match("*.so.[!0-9]*", "libc.so.6"));
    CHECK(glob_match("a?c", "abc"));
    CHECK_FALSE(glob_match("a*c", "a/c"));
    CHECK(glob_match("\\*", "*"));
    CHECK_FALSE(glob_match("\\*", "x"));
    CHECK(glob_match("*a*b*c*", "xxaxxbxxcxx"));
    CHECK(glob_match("[", "["));
    CHECK(glob_match("", ""));
    CHECK(glob_match("**", "abc"));
}

TEST_CASE("a manifest copies, merges over symlinked folders, includes and globs") {
    Scratch s;
    s.file("lib/a.so", "a");
    s.file("lib/sub/b.so", "bb");
    s.file("lib/sub/c.txt", "c");
    s.file("more/inner", "/inner: file\n");
    s.file("more/file", "inner");
    auto manifest =
        s.file("m", "/usr/lib: %dir\n/lib: %symlink usr/lib\n/lib/: lib/**/*.so owner=3:4\n"
                    "%include more/inner\n/again: %hardlink /inner\n/inner: %attr mode=0600\n");
    Tree tree;
    Variables variables;
    add_manifest(tree, manifest, {}, variables);
    CHECK(paths_of(tree) ==
          "\nagain\ninner\nlib\nusr\nusr/lib\nusr/lib/a.so\nusr/lib/sub\nusr/lib/sub/b.so\n");
    CHECK(tree.find("lib/sub/b.so")->owner.gid == 4);
    CHECK(tree.find("again") == tree.find("inner"));
    CHECK(tree.find("again")->mode == 0600);
}

TEST_CASE("a manifest that includes itself ends with an error") {
    Scratch s;
    auto manifest = s.file("m", "%include m\n");
    Tree tree;
    Variables variables;
    CHECK_THROWS_WITH(add_manifest(tree, manifest, {}, variables), Catch::Contains("too deep"));
}

TEST_CASE("a tree replaces, refuses and follows links like a file system") {
    auto file = [] {
        auto inode = std::make_shared<Inode>();
        inode->kind = Kind::file;
        return inode;
    };
    auto link = [](const std::string& target) {
        auto inode = std::make_shared<Inode>();
        inode->kind = Kind::symlink;
        inode->target = target;
        return inode;
    };
    Tree tree;
    tree.put("a/b/c", file());
    tree.put("a/b", file()); // a file over a folder takes all below it away
    CHECK(paths_of(tree) == "\na\na/b\n");
    CHECK_THROWS_AS(tree.put("a/b/c", file()), Error);
    tree.put("l", link("a/x/../y"));
    tree.put("l/f", file());
    CHECK(tree.find("a/y/f") != nullptr);
    tree.put("loop", link("loop"));
    CHECK_THROWS_AS(tree.put("loop/f", file()), Error);
    tree.put("up", link("../../.."));
    tree.put("up/top", file());
    CHECK(tree.find("top") != nullptr);
    CHECK_THROWS_AS(tree.put("", file()), Error);
    tree.put("l", std::make_shared<Inode>()); // a folder over a link to a folder keeps the link
    CHECK(tree.find("l")->kind == Kind::symlink);
}

// Mutations of a manifest with every construct: parsing ends, and only Error leaves it.
TEST_CASE("no manifest breaks the parser") {
    const std::string seed =
        "%define v \"a b\"\n%include other\n/x/: %{v}/*.so mode=0755 owner=1:2 mtime=3\n"
        "\"/y\\x41\": -\\ z\n/d: %char 1:2\n/e: %symlink t # c\n/f/: [a-z]?*/**\n";
    std::mt19937 random(1);
    int accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string text = seed;
        for (int n = static_cast<int>(random() % 6) + 1; n > 0; --n) {
            auto at = random() % text.size();
            switch (random() % 4) {
            case 0: text[at] = static_cast<char>(random()); break;
            case 1: text.erase(at, random() % 8); break;
            case 2: text.insert(at, text, random() % text.size(), random() % 16); break;
            default: text.insert(at, 1, "%{}\"\\*[]:/\n#="[random() % 13]); break;
            }
            if (text.empty()) text = "/";
        }
        Variables variables;
        try {
            for (const auto& entry : parse_manifest(text, "m", variables)) {
                ++accepted;
                CHECK(entry.path.find("..") != 0);
                CHECK(entry.path.find('\0') == std::string::npos);
                for (const auto& word : entry.words) glob_match(word.pattern, "some/name.so");
            }
        } catch (const Error&) {}
    }
    CHECK(accepted > 1000); // the mutations reach beyond the first line
}
