// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <array>
#include <string>
#include <vector>

namespace drupe::mkimage {

/// Texts of ASCII made shorter: a code from 128 on stands for two codes below it, which stood side
/// by side more often than any others when it was chosen.
struct PairCoded {
    std::vector<std::string> texts;
    std::array<std::array<unsigned char, 2>, 128> pairs{}; // of code 128 + index; unused ones are 0
};
PairCoded code_by_pairs(std::vector<std::string> texts);

} // namespace drupe::mkimage
