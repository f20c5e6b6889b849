// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/tree.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

using drupe::IntrusiveTree;
using drupe::TreeHook;

namespace {

struct Item {
    int key = 0;
    int count = 0; // summary: elements in the subtree
    TreeHook hook;
};
struct Traits {
    static constexpr TreeHook Item::*hook = &Item::hook;
    static void summarize(Item& item);
};
using Tree = IntrusiveTree<Item, Traits>;
void Traits::summarize(Item& item) {
    item.count = 1;
    for (Item* child : {Tree::left(item), Tree::right(item)})
        if (child) item.count += child->count;
}

void insert(Tree& tree, Item& item) {
    Item* parent = nullptr;
    auto side = Tree::left_side;
    for (Item* at = tree.root(); at;) {
        parent = at;
        side = item.key < at->key ? Tree::left_side : Tree::right_side;
        at = side == Tree::left_side ? Tree::left(*at) : Tree::right(*at);
    }
    tree.link(item, parent, side);
}

// Height when order, summaries and balance are right; throws through CHECK otherwise.
int verify(const Item* item) {
    if (!item) return 0;
    const int l = verify(Tree::left(*item)), r = verify(Tree::right(*item));
    REQUIRE(std::abs(l - r) <= 1);
    int count = 1;
    if (auto* c = Tree::left(*item)) {
        REQUIRE(c->key <= item->key);
        count += c->count;
    }
    if (auto* c = Tree::right(*item)) {
        REQUIRE(c->key >= item->key);
        count += c->count;
    }
    REQUIRE(item->count == count);
    return std::max(l, r) + 1;
}

} // namespace

TEST_CASE("a tree under random insertions and removals stays ordered, balanced and summed up") {
    std::mt19937 random(GENERATE(1u, 2u, 3u));
    Tree tree;
    std::vector<std::unique_ptr<Item>> items;
    std::multiset<int> model;
    for (int step = 0; step < 3000; step++) {
        const bool grow = items.empty() || random() % 100 < (step < 1500 ? 65u : 35u);
        if (grow) {
            items.push_back(std::make_unique<Item>());
            items.back()->key = static_cast<int>(random() % 500);
            model.insert(items.back()->key);
            insert(tree, *items.back());
        } else {
            const std::size_t victim = random() % items.size();
            tree.remove(*items[victim]);
            model.erase(model.find(items[victim]->key));
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(victim));
        }
        if (step % 7 == 0) {
            verify(tree.root());
            std::vector<int> forward, backward;
            for (Item* i = tree.first(); i; i = Tree::next(*i)) forward.push_back(i->key);
            for (Item* i = tree.last(); i; i = Tree::prev(*i)) backward.push_back(i->key);
            REQUIRE(std::equal(forward.begin(), forward.end(), model.begin(), model.end()));
            std::reverse(backward.begin(), backward.end());
            REQUIRE(forward == backward);
        }
    }
    for (auto& item : items) tree.remove(*item);
    CHECK(tree.is_empty());
}

TEST_CASE("linking an element twice asserts") {
    Tree tree;
    Item item;
    insert(tree, item);
    CHECK_THROWS(insert(tree, item));
    tree.remove(item);
}
