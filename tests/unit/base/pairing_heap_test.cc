// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/base/pairing_heap.h>

#include <algorithm>
#include <cmath>
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

namespace {

std::uint64_t comparisons = 0;

struct Alarm {
    std::uint64_t at = 0;
    HeapHook hook;
    struct Earlier {
        bool operator()(const Alarm& a, const Alarm& b) const {
            comparisons++;
            return a.at < b.at;
        }
    };
};
using Alarms = PairingHeap<Alarm, &Alarm::hook, Alarm::Earlier>;

/// Comparisons for each change of a heap that holds `count`: alarms are put off, run out and are
/// set again, in any order.
double cost_among(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Alarm> all(count);
    Alarms heap;
    for (Alarm& a : all) {
        a.at = random();
        heap.insert(a);
    }
    const std::size_t rounds = 2 * count; // the first pop pays for what was put in
    comparisons = 0;
    for (std::size_t i = 0; i < rounds; i++) {
        Alarm* changed = &all[random() % count];
        if (random() % 2)
            heap.remove(*changed);
        else
            changed = heap.pop();
        changed->at = random();
        heap.insert(*changed);
    }
    const double cost = static_cast<double>(comparisons) / static_cast<double>(rounds);
    while (heap.pop()) {}
    return cost;
}

} // namespace

TEST_CASE("an element among 100,000 costs no more than the logarithm says") {
    // 100 times as many, 5/3 of the logarithm.
    const std::uint64_t seed = GENERATE(range(std::uint64_t{0}, std::uint64_t{4}));
    const double few = cost_among(10, seed), some = cost_among(1'000, seed),
                 many = cost_among(100'000, seed);
    INFO("comparisons: " << few << " among 10, " << some << " among 1,000, " << many
                         << " among 100,000");
    CHECK(many <= some * 5 / 3);
    CHECK(few <= 2 * std::log2(10.0));
    CHECK(some <= 2 * std::log2(1'000.0));
    CHECK(many <= 2 * std::log2(100'000.0));
}
