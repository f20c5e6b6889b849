// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/base/pairing_heap.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

using namespace drupe;

namespace {

struct Item {
    explicit Item(int k) : key(k) {}
    int key;
    HeapHook hook;
};
struct Less {
    bool operator()(const Item& a, const Item& b) const { return a.key < b.key; }
};
using Heap = PairingHeap<Item, &Item::hook, Less>;

} // namespace

TEST_CASE("an empty heap has no top and pops nothing") {
    Heap heap;
    CHECK(heap.is_empty());
    CHECK(heap.top() == nullptr);
    CHECK(heap.pop() == nullptr);
}

TEST_CASE("elements leave a heap in order") {
    std::mt19937 random(1);
    std::vector<std::unique_ptr<Item>> items;
    Heap heap;
    for (int i = 0; i < 1000; ++i) {
        items.push_back(std::make_unique<Item>(static_cast<int>(random() % 300)));
        heap.insert(*items.back());
    }
    int last = -1;
    int count = 0;
    while (Item* item = heap.pop()) {
        CHECK(item->key >= last);
        CHECK_FALSE(item->hook.is_linked());
        last = item->key;
        ++count;
    }
    CHECK(count == 1000);
}

TEST_CASE("any mixture of insert, remove and pop agrees with a sorted set") {
    for (unsigned seed = 0; seed < 30; ++seed) {
        std::mt19937 random(seed);
        std::vector<std::unique_ptr<Item>> items;
        std::multiset<int> model;
        std::vector<Item*> inside;
        Heap heap;
        for (int step = 0; step < 500; ++step) {
            switch (random() % 4) {
            case 0:
            case 1: {
                items.push_back(std::make_unique<Item>(static_cast<int>(random() % 50)));
                heap.insert(*items.back());
                model.insert(items.back()->key);
                inside.push_back(items.back().get());
                break;
            }
            case 2:
                if (Item* top = heap.pop()) {
                    REQUIRE(top->key == *model.begin());
                    model.erase(model.begin());
                    inside.erase(std::find(inside.begin(), inside.end(), top));
                } else {
                    REQUIRE(model.empty());
                }
                break;
            default:
                if (!inside.empty()) {
                    const std::size_t at = random() % inside.size();
                    heap.remove(*inside[at]);
                    model.erase(model.find(inside[at]->key));
                    inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(at));
                }
            }
            std::multiset<int> seen;
            heap.for_each([&](Item& item) { seen.insert(item.key); });
            REQUIRE(seen == model);
            if (!model.empty()) REQUIRE(heap.top()->key == *model.begin());
        }
        while (heap.pop()) {}
    }
}

TEST_CASE("an element is inserted once and removed once") {
    Heap heap;
    Item item(1);
    heap.insert(item);
    CHECK_THROWS(heap.insert(item));
    heap.remove(item);
    CHECK_THROWS(heap.remove(item));
}
