// SPDX-License-Identifier: BSD-2-Clause
// While no window is set, the simulator takes the test's own addresses for a program's.
#pragma once

#include <drupe/base/units.h>

#include <string>
#include <vector>

namespace drupe::test {

inline constexpr VirtAddr bad_address{0x10};

/// A NULL-ended vector of strings, as execve gets it.
class UserVector {
public:
    explicit UserVector(std::vector<std::string> texts) : texts_(std::move(texts)) {
        for (auto& t : texts_) pointers_.push_back(t.c_str());
        pointers_.push_back(nullptr);
    }
    VirtAddr address() const {
        return VirtAddr{reinterpret_cast<std::uintptr_t>(pointers_.data())};
    }

private:
    std::vector<std::string> texts_;
    std::vector<const char*> pointers_;
};

} // namespace drupe::test
