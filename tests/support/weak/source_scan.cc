// SPDX-License-Identifier: BSD-2-Clause
#include <weak/source_scan.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace weak {
namespace {

/// Comments become spaces: positions and lines stay.
std::string without_comments(std::string text) {
    for (std::size_t at = text.find("//"); at != std::string::npos; at = text.find("//", at))
        for (; at < text.size() && text[at] != '\n'; ++at) text[at] = ' ';
    return text;
}

/// The parenthesis that is open at `at`.
std::size_t opening(const std::string& text, std::size_t at) {
    for (unsigned depth = 0; at > 0; --at) {
        if (text[at] == ')') ++depth;
        if (text[at] == '(' && depth-- == 0) return at;
    }
    return 0;
}

std::string name_before(const std::string& text, std::size_t parenthesis) {
    const auto belongs = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == ':';
    };
    std::size_t begin = parenthesis;
    while (begin > 0 && (belongs(text[begin - 1]) || text[begin - 1] == '>' ||
                         (text[begin - 1] == '-' && text[begin] == '>')))
        --begin;
    return text.substr(begin, parenthesis - begin);
}

void scan_file(const std::filesystem::path& path, const std::string& name,
               std::vector<SourceSite>& sites) {
    std::ifstream in(path);
    const std::string text =
        without_comments({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
    const auto line_of = [&](std::size_t at) {
        return static_cast<unsigned>(
            1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    };
    constexpr std::string_view barrier = "arch::barrier_dma_";
    for (std::size_t at = text.find(barrier); at != std::string::npos;
         at = text.find(barrier, at + barrier.size())) {
        const std::size_t parenthesis = text.find('(', at);
        if (parenthesis == std::string::npos) break;
        sites.push_back({{name, line_of(parenthesis)}, name_before(text, parenthesis)});
    }
    constexpr std::string_view word = "memory_order_", relaxed = "memory_order_relaxed";
    std::size_t last = 0;
    for (std::size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + word.size())) {
        if (text.compare(at, relaxed.size(), relaxed) == 0) continue;
        const std::size_t parenthesis = opening(text, at);
        if (parenthesis == last) continue; // the second order of a compare-exchange
        last = parenthesis;
        sites.push_back({{name, line_of(parenthesis)}, name_before(text, parenthesis)});
    }
}

} // namespace

std::vector<SourceSite> scan_sources(const std::string& folder) {
    namespace fs = std::filesystem;
    std::vector<SourceSite> sites;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(SOURCE_ROOT) / folder)) {
        const fs::path& path = entry.path();
        if (path.extension() != ".cc" && path.extension() != ".h") continue;
        scan_file(path, path.lexically_relative(SOURCE_ROOT), sites);
    }
    return sites;
}

} // namespace weak
