// SPDX-License-Identifier: BSD-2-Clause
// Shows that the kernel's orders of atomic operations are enough, and that each is needed: the
// scenarios hold over many seeds, and with any one order weakened some seed of some scenario fails.
// Every operation of the sources that asks for an order has a scenario, or stands in exempt.txt.
//   sim-weak [--long] [--seeds N] [--scenario TEXT] [--place FILE[:LINE]] [--verbose]
#include <weak/runner.h>
#include <weak/sites.h>
#include <weak/source_scan.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace {

struct Options {
    std::uint64_t seeds = 200;     // of each scenario as it stands
    std::uint64_t hunting = 20000; // at most, with an order weakened
    std::string scenario, place;
    bool verbose = false;
} options;

struct Key {
    weak::Place place;
    int order;
    auto operator<=>(const Key&) const = default;
};
struct Site {
    std::vector<const void*> addresses;
    std::vector<const weak::Scenario*>
        scenarios; // that execute it, the one with the fewest sites first
};

const char* name_of(int order) {
    constexpr const char* names[] = {"relaxed", "consume", "acquire",
                                     "release", "acq_rel", "seq_cst"};
    return names[order];
}

/// One step down each: what is enough for these is enough for anything weaker.
std::vector<int> weaker(int order) {
    switch (order) {
    case __ATOMIC_SEQ_CST: return {__ATOMIC_ACQ_REL};
    case __ATOMIC_ACQ_REL: return {__ATOMIC_ACQUIRE, __ATOMIC_RELEASE};
    default: return {__ATOMIC_RELAXED};
    }
}

int failures = 0;
void fail(const std::string& what) {
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

std::string text_of(const weak::Place& place) {
    return place.file + ':' + std::to_string(place.line);
}

/// Plays all scenarios as they are; what they execute.
std::map<Key, Site> play_all() {
    struct Ran {
        const weak::Scenario* scenario;
        std::vector<weak::Executed> executed;
    };
    std::vector<Ran> ran;
    std::set<const void*> addresses;
    for (const weak::Scenario* scenario : weak::scenarios()) {
        if (std::string(scenario->name).find(options.scenario) == std::string::npos) continue;
        weak::forget_executed();
        const std::string said = weak::play(*scenario, {0, options.seeds});
        if (!said.empty()) { // shows nothing about orders
            fail(std::string(scenario->name) + "\n  " + weak::name_sites(said));
            continue;
        }
        ran.push_back({scenario, weak::all_executed()});
        for (const weak::Executed& e : ran.back().executed)
            if (e.order != __ATOMIC_RELAXED) addresses.insert(e.site);
    }
    // The quick and special ones first: they find most.
    std::ranges::sort(
        ran, {}, [](const Ran& r) { return std::pair(r.scenario->process, r.executed.size()); });
    const std::vector<const void*> list(addresses.begin(), addresses.end());
    const auto places = weak::places_of(list);
    std::map<const void*, weak::Place> place_at;
    for (std::size_t i = 0; i < list.size(); ++i) place_at[list[i]] = places[i];
    std::map<Key, Site> sites;
    for (const Ran& r : ran)
        for (const weak::Executed& e : r.executed) {
            if (e.order == __ATOMIC_RELAXED || !place_at[e.site].file.starts_with("src/")) continue;
            Site& site = sites[{place_at[e.site], e.order}];
            if (std::ranges::find(site.addresses, e.site) == site.addresses.end())
                site.addresses.push_back(e.site);
            if (site.scenarios.empty() || site.scenarios.back() != r.scenario)
                site.scenarios.push_back(r.scenario);
        }
    return sites;
}

/// Whether some seed fails with the site's order weakened.
bool is_needed(const Key& key, const Site& site, int to) {
    for (std::uint64_t first = 0, count = 25; first < options.hunting; first += count, count *= 4) {
        for (const weak::Scenario* scenario : site.scenarios) {
            const std::string said =
                weak::play(*scenario, {first, std::min(count, options.hunting - first)},
                           [&] { weak::weaken(site.addresses, key.order, to); });
            if (said.empty()) continue;
            if (options.verbose)
                std::printf("%s: %s -> %s: found by \"%s\"\n%s\n", text_of(key.place).c_str(),
                            name_of(key.order), name_of(to), scenario->name,
                            options.place.empty() ? "" : weak::name_sites(said).c_str());
            return true;
        }
    }
    return false;
}

/// "FILE NAME reason" by line.
std::set<std::pair<std::string, std::string>> read_exempt() {
    std::set<std::pair<std::string, std::string>> exempt;
    std::ifstream in(SOURCE_ROOT "/tests/sim/weak/exempt.txt");
    for (std::string file, name, reason; in >> file; std::getline(in, reason))
        if (!file.starts_with('#') && in >> name) exempt.insert({file, name});
    return exempt;
}

/// The sources' operations that have no scenario and say why; what is wrong with the list.
std::set<weak::Place> exempt_places(const std::vector<weak::SourceSite>& written) {
    std::set<weak::Place> places;
    const auto exempt = read_exempt();
    auto unused = exempt;
    for (const weak::SourceSite& site : written) {
        const std::pair<std::string, std::string> entry{site.place.file, site.name};
        if (exempt.contains(entry)) places.insert(site.place);
        unused.erase(entry);
    }
    for (const auto& [file, name] : unused) fail("exempt.txt: no " + name + " in " + file);
    return places;
}

void weaken_all(const std::map<Key, Site>& sites, const std::set<weak::Place>& exempt) {
    unsigned tried = 0;
    for (const auto& [key, site] : sites) {
        if (!text_of(key.place).starts_with(options.place) || exempt.contains(key.place)) continue;
        for (const int to : weaker(key.order)) {
            ++tried;
            if (!is_needed(key, site, to))
                fail(text_of(key.place) + ": no seed fails with " + name_of(to) + " in place of " +
                     name_of(key.order));
        }
    }
    std::printf("%u weakenings of %zu operations; %zu operations have no scenario\n", tried,
                sites.size(), exempt.size());
}

void compare_with_sources(const std::map<Key, Site>& sites,
                          const std::vector<weak::SourceSite>& written,
                          const std::set<weak::Place>& exempt) {
    std::set<weak::Place> executed, named;
    for (const auto& [key, site] : sites) executed.insert(key.place);
    for (const weak::SourceSite& site : written) {
        named.insert(site.place);
        if (!executed.contains(site.place) && !exempt.contains(site.place))
            fail(text_of(site.place) + ": no scenario runs " + site.name);
    }
    for (const weak::Place& place : executed)
        if (!named.contains(place))
            fail(text_of(place) + ": an order that the source does not name");
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
        if (option == "--long") {
            options.seeds *= 10;
            options.hunting *= 10;
        } else if (option == "--seeds") {
            options.seeds = std::strtoull(value(), nullptr, 0);
        } else if (option == "--scenario") {
            options.scenario = value();
        } else if (option == "--place") {
            options.place = value();
        } else if (option == "--verbose") {
            options.verbose = true;
        } else {
            std::printf("unknown option %s\n", argv[i]);
            return 2;
        }
    }
    const auto plays_the_machine = [](const weak::Place& place) {
        return place.file.starts_with("src/arch/host/");
    };
    std::map<Key, Site> sites = play_all();
    std::erase_if(sites, [&](const auto& site) { return plays_the_machine(site.first.place); });
    std::vector<weak::SourceSite> written = weak::scan_sources("src");
    std::erase_if(written, [&](const auto& site) { return plays_the_machine(site.place); });
    const std::set<weak::Place> exempt = exempt_places(written);
    if (options.scenario.empty()) compare_with_sources(sites, written, exempt);
    weaken_all(sites, exempt);
    std::printf("%d failures\n", failures);
    return failures != 0;
}
