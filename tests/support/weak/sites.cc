// SPDX-License-Identifier: BSD-2-Clause
#include <weak/sites.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

extern "C" const char __executable_start;

namespace weak {
namespace {

/// Shared with the parent. Open addressing; full, it would report sites as not executed.
struct Table {
    static constexpr std::size_t size = 16384;
    std::array<Executed, size> entries;
};

Table* make_table() {
    void* at =
        mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("no memory");
    return static_cast<Table*>(at);
}
Table& table = *make_table(); // before any child

struct Weakening {
    std::vector<const void*> sites;
    int from = -1, to = -1;
} weakening;

struct Range {
    std::uintptr_t begin, end;
};
std::array<Range, 8> exempted;
std::size_t exempted_count = 0;

} // namespace

int executed(const void* site, int order) {
    std::size_t at = (reinterpret_cast<std::uintptr_t>(site) * 0x9e3779b97f4a7c15) >> 50;
    for (;; at = (at + 1) % Table::size) {
        Executed& entry = table.entries[at];
        if (entry.site == site) break;
        if (entry.site) continue;
        entry = {site, order};
        break;
    }
    if (order == weakening.from && std::ranges::binary_search(weakening.sites, site))
        return weakening.to;
    return order;
}

void weaken(std::vector<const void*> sites, int from, int to) {
    std::ranges::sort(sites);
    weakening = {std::move(sites), from, to};
}

std::vector<Executed> all_executed() {
    std::vector<Executed> all;
    for (const Executed& entry : table.entries)
        if (entry.site) all.push_back(entry);
    return all;
}
void forget_executed() { table.entries.fill({}); }

void exempt(const void* at, std::size_t bytes) {
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    exempted.at(exempted_count++) = {begin, begin + bytes};
}

bool is_exempt(const void* at) {
    const auto a = reinterpret_cast<std::uintptr_t>(at);
    for (std::size_t i = 0; i < exempted_count; ++i)
        if (a >= exempted[i].begin && a < exempted[i].end) return true;
    return false;
}

// ---- names, by the tool that belongs to the compiler

namespace {

struct Frame {
    std::string function;
    Place place;
};

/// Of "./../src/x.cc:12 (discriminator 3)", which begins in the build's folder.
Place place_of(std::string text) {
    const std::size_t end = text.find(' ');
    if (end != std::string::npos) text.resize(end);
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return {};
    namespace fs = std::filesystem;
    const std::string relative = (fs::path(BUILD_ROOT) / text.substr(0, colon))
                                     .lexically_normal()
                                     .lexically_relative(SOURCE_ROOT);
    if (relative.empty() || relative.starts_with("..")) return {};
    const std::string line = text.substr(colon + 1);
    return {relative, line == "?" ? 0 : static_cast<unsigned>(std::stoul(line))};
}

/// Innermost first.
std::map<const void*, std::vector<Frame>> frames_of(const std::vector<const void*>& sites) {
    std::map<const void*, std::vector<Frame>> all;
    if (sites.empty()) return all;
    char input[] = "/tmp/weak-sites-XXXXXX";
    const int fd = mkstemp(input);
    if (fd < 0) throw std::runtime_error("no temporary file");
    close(fd);
    {
        std::ofstream out(input);
        for (const void* site : sites) // one before: still in the call
            out << static_cast<const void*>(static_cast<const char*>(site) - 1 -
                                            reinterpret_cast<std::uintptr_t>(&__executable_start))
                << '\n';
    }
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    std::FILE* pipe = popen(("addr2line -a -f -C -i -e " + self + " < " + input).c_str(), "r");
    if (!pipe) throw std::runtime_error("addr2line does not run");
    std::vector<std::string> lines;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe)) {
        lines.emplace_back(line);
        lines.back().pop_back();
    }
    pclose(pipe);
    unlink(input);
    std::size_t next = 0;
    std::vector<Frame>* frames = nullptr;
    for (std::size_t i = 0; i < lines.size();) {
        if (lines[i].starts_with("0x")) {
            frames = &all[sites.at(next++)];
            ++i;
        } else {
            frames->push_back({lines[i], place_of(lines.at(i + 1))});
            i += 2;
        }
    }
    if (next != sites.size()) throw std::runtime_error("addr2line does not say where the code is");
    return all;
}

} // namespace

/// What plays the machine's barriers stands for whoever asks for one.
bool is_barrier(const Place& place) {
    return place.file == "src/arch/host/include/drupe/arch/impl/barrier.h";
}

std::vector<Place> places_of(const std::vector<const void*>& sites) {
    const auto frames = frames_of(sites);
    std::vector<Place> places;
    for (const void* site : sites) {
        Place found;
        for (const Frame& frame : frames.at(site)) {
            found = frame.place;
            if (!found.file.empty() && !is_barrier(found)) break;
        }
        places.push_back(found);
    }
    return places;
}

std::string describe(const void* site) {
    char text[32];
    std::snprintf(text, sizeof text, "@%p@", site);
    return text;
}

std::string name_sites(const std::string& text) {
    struct Mark {
        std::size_t at, bytes;
        const void* site;
    };
    std::vector<Mark> marks;
    std::vector<const void*> sites;
    for (std::size_t at = text.find("@0x"); at != std::string::npos; at = text.find("@0x", at)) {
        const std::size_t end = text.find('@', at + 1);
        if (end == std::string::npos) break;
        const auto site =
            reinterpret_cast<const void*>(std::stoull(text.substr(at + 1), nullptr, 16));
        marks.push_back({at, end + 1 - at, site});
        sites.push_back(site);
        at = end + 1;
    }
    std::ranges::sort(sites);
    sites.erase(std::unique(sites.begin(), sites.end()), sites.end());
    const auto frames = frames_of(sites);
    std::string named = text;
    for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
        std::string name;
        unsigned shown = 0;
        for (const Frame& frame : frames.at(mark->site)) {
            if (frame.place.file.empty() || shown++ == 3) continue;
            const std::size_t slash = frame.place.file.rfind('/');
            name += (name.empty() ? "" : " < ") + frame.place.file.substr(slash + 1) + ':' +
                    std::to_string(frame.place.line);
        }
        named.replace(mark->at, mark->bytes, name);
    }
    return named;
}

} // namespace weak
