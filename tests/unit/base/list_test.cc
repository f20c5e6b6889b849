// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/base/list.h>

using namespace drupe;

struct Item {
    int value;
    ListHook hook;
};
using Items = IntrusiveList<Item, &Item::hook>;

TEST_CASE("a list keeps order through insertion and removal") {
    Item a{1, {}}, b{2, {}}, c{3, {}};
    Items list;
    list.push_back(b);
    list.push_front(a);
    list.push_back(c);
    Items::remove(b);
    list.insert_before(c, b);
    int expected = 1;
    for (Item& item : list) CHECK(item.value == expected++);
    CHECK(list.next(b) == &c);
    CHECK(list.prev(a) == nullptr);
    list.for_each_safe([](Item& item) { Items::remove(item); });
    CHECK(list.is_empty());
}
TEST_CASE("inserting a linked element asserts") {
    Item a{1, {}};
    Items list;
    list.push_back(a);
    CHECK_THROWS(list.push_back(a));
    Items::remove(a);
}
