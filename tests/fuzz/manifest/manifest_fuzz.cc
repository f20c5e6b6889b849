// SPDX-License-Identifier: BSD-2-Clause
// Image manifests of any bytes: parsing ends, only Error leaves it, and what comes out keeps the
// promises that the image writers build on.
#include "../target.h"

#include <filetree/manifest.h>

using namespace drupe::filetree;

namespace {

std::string without_escapes(std::string_view pattern) {
    std::string text;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
        text += pattern[i];
    }
    return text;
}

bool has_pattern(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\')
            ++i;
        else if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[')
            return true;
    }
    return false;
}

void check_path(std::string_view path) {
    FUZZ_CHECK(path.size() <= 8192);
    FUZZ_CHECK(path.find('\0') == std::string_view::npos);
    if (path.empty()) return;
    auto framed = "/" + std::string(path) + "/";
    for (auto forbidden : {"/../", "/./", "//"})
        FUZZ_CHECK(framed.find(forbidden) == std::string::npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    Variables variables{{"given", "some/place"}};
    try {
        std::string_view text(reinterpret_cast<const char*>(data), bytes);
        for (const auto& entry : parse_manifest(text, "fuzz", variables)) {
            check_path(entry.path);
            FUZZ_CHECK(entry.directive != Directive::copy || entry.words.size() == 1);
            for (const auto& word : entry.words) {
                FUZZ_CHECK(without_escapes(word.pattern) == word.text);
                FUZZ_CHECK(word.is_glob == has_pattern(word.pattern));
                FUZZ_CHECK(word.is_glob || glob_match(word.pattern, word.text));
            }
        }
    } catch (const Error&) {}
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    for (std::string_view text :
         {"# all there is\n%define v \"a b\"\n%include %{v}/other\n/x/: %{v}/*.so mode=0755 "
          "owner=1:2 mtime=3\n",
          "/a/b/../c: x\n", "\"/y\\x41\\n\": -\\ z\\*\\\\\n/f/: [a-z]?*/**/[!x]\n",
          "/d: %char 1:2\n/e: %symlink t # c\n/h: %hardlink /e\n/g: %dir\n/i: %fifo\n/j: %attr "
          "mode=1\n/k: %remove\n",
          "/./a//b/./: %{given}\n"})
        corpus.emplace_back(text.begin(), text.end());
    return corpus;
}
