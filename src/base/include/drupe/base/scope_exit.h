// SPDX-License-Identifier: BSD-2-Clause
// Runs an action when the scope is left, unless dismissed: the undo of a half-done operation.
#pragma once

#include <utility>

namespace drupe {

template <class Action>
class ScopeExit {
public:
    explicit ScopeExit(Action action) : action_(std::move(action)) {}
    ~ScopeExit() {
        if (armed_) action_();
    }
    ScopeExit(const ScopeExit&) = delete;
    ScopeExit& operator=(const ScopeExit&) = delete;
    void dismiss() { armed_ = false; }

private:
    Action action_;
    bool armed_ = true;
};

} // namespace drupe
