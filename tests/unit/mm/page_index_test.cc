// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/page_index.h>

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace drupe;

TEST_CASE("the page index agrees with a map under random insertions and removals") {
    mm::PageIndex index;
    std::map<std::uint64_t, std::uint64_t> model;
    std::mt19937_64 random{42};
    const auto number = [&] {
        return random() >> (random() % 51 + 13) & (mm::PageIndex::limit - 1);
    };
    const auto agree = [&](std::uint64_t from) {
        const auto found = model.lower_bound(from);
        return index.next(from) == (found == model.end() ? mm::PageIndex::limit : found->first);
    };
    for (int round = 0; round < 20000; round++) {
        const std::uint64_t at = number();
        if (random() % 64 == 0) {
            const std::uint64_t end = at + number();
            std::size_t removed = 0;
            index.remove_range(at, end, [&](PhysAddr) { removed++; });
            const auto first = model.lower_bound(at), last = model.lower_bound(std::max(at, end));
            CHECK(removed == static_cast<std::size_t>(std::distance(first, last)));
            model.erase(first, last);
        } else if (!model.count(at)) {
            const std::uint64_t frame = (round + 1) * 4096ull;
            REQUIRE(index.insert(at, PhysAddr{frame}).ok());
            model[at] = frame;
        }
        const std::uint64_t look = number();
        const auto found = model.find(look);
        REQUIRE(raw(index.find(look)) == (found == model.end() ? 0 : found->second));
        mm::PageIndex::Cursor cursor(index);
        for (std::uint64_t near : {look, look ^ 1, look ^ 63, look ^ 64, look, at})
            REQUIRE(raw(cursor.find(near)) == raw(index.find(near)));
        REQUIRE(agree(look));
        REQUIRE(agree(at));
    }
    index.remove_from(0, [](PhysAddr) {});
    CHECK(index.next(0) == mm::PageIndex::limit);
}
