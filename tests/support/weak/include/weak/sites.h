// SPDX-License-Identifier: BSD-2-Clause
// Sites: the atomic operations of the program, by the address that their call returns to. One in
// the source may be many in the program (inlined).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weak {

/// The order that an operation has this time: what it asks for, unless its site is weakened.
/// Remembers that the site was executed.
int executed(const void* site, int order);

/// From here on operations at `sites` that ask for `from` get `to`.
void weaken(std::vector<const void*> sites, int from, int to);

struct Executed {
    const void* site;
    int order; // as asked for
};
/// What this process and its children executed since the last call of forget_executed().
std::vector<Executed> all_executed();
void forget_executed();

/// Memory that belongs to the simulation itself: accesses are not looked at.
void exempt(const void* at, std::size_t bytes);
bool is_exempt(const void* at);

/// A mark that name_sites() turns into the site's place in the source. No cost in a child whose
/// report nobody reads.
std::string describe(const void* site);
std::string name_sites(const std::string& text);

/// Where the site lies in the source: the innermost function of ours.
struct Place {
    std::string file; // from the root of the source, "" when it is none of ours
    unsigned line = 0;
    auto operator<=>(const Place&) const = default;
};
std::vector<Place> places_of(const std::vector<const void*>& sites);

} // namespace weak
