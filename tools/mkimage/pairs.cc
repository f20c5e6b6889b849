// SPDX-License-Identifier: BSD-2-Clause
#include "pairs.h"

#include <algorithm>
#include <map>

namespace drupe::mkimage {
namespace {

constexpr unsigned least_uses = 4;  // fewer do not pay for the pair
constexpr unsigned most_depth = 14; // the reader stops at 16

void replace(std::string& text, char first, char second, char code) {
    std::size_t out = 0;
    for (std::size_t in = 0; in < text.size(); out++) {
        const bool is_pair = in + 1 < text.size() && text[in] == first && text[in + 1] == second;
        text[out] = is_pair ? code : text[in];
        in += is_pair ? 2 : 1;
    }
    text.resize(out);
}

} // namespace

PairCoded code_by_pairs(std::vector<std::string> texts) {
    PairCoded result;
    std::array<unsigned, 256> depth{};
    for (std::size_t i = 0; i < result.pairs.size(); i++) {
        std::map<std::pair<char, char>, unsigned> uses;
        for (const std::string& text : texts)
            for (std::size_t at = 1; at < text.size(); at++) uses[{text[at - 1], text[at]}]++;
        const auto best = std::max_element(uses.begin(), uses.end(),
                                           [](auto& a, auto& b) { return a.second < b.second; });
        if (best == uses.end() || best->second < least_uses) break;
        const auto [first, second] = best->first;
        depth[128 + i] = 1 + std::max(depth[static_cast<unsigned char>(first)],
                                      depth[static_cast<unsigned char>(second)]);
        if (depth[128 + i] > most_depth) break;
        result.pairs[i] = {static_cast<unsigned char>(first), static_cast<unsigned char>(second)};
        for (std::string& text : texts) replace(text, first, second, static_cast<char>(128 + i));
    }
    result.texts = std::move(texts);
    return result;
}

} // namespace drupe::mkimage
