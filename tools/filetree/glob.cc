// SPDX-License-Identifier: BSD-2-Clause
#include <filetree/manifest.h>

namespace drupe::filetree {

namespace {

// Matches one character against the class after '['. Moves `pattern` behind it; a class that is not
// closed stands for a plain '['.
bool match_class(std::string_view& pattern, char c) {
    auto body = pattern.substr(1);
    bool negated = body.starts_with('!') || body.starts_with('^');
    if (negated) body.remove_prefix(1);
    bool found = false;
    for (std::size_t i = 0; i < body.size(); ++i) {
        if (body[i] == ']' && i > 0) {
            pattern = body.substr(i + 1);
            return found != negated && c != '/';
        }
        auto low = static_cast<unsigned char>(body[i]);
        auto high = low;
        if (i + 2 < body.size() && body[i + 1] == '-' && body[i + 2] != ']') {
            high = static_cast<unsigned char>(body[i + 2]);
            i += 2;
        }
        auto value = static_cast<unsigned char>(c);
        found = found || (low <= value && value <= high);
    }
    pattern.remove_prefix(1);
    return c == '[';
}

} // namespace

// Linear: on a mismatch only the last star is extended.
bool glob_match(std::string_view pattern, std::string_view text) {
    std::string_view star_pattern, star_text;
    bool have_star = false;
    while (!text.empty()) {
        auto at = pattern;
        bool matched = false;
        if (!at.empty() && at.front() == '*') {
            have_star = true;
            star_pattern = pattern = at.substr(1);
            star_text = text;
            continue;
        }
        if (!at.empty() && at.front() == '[') {
            matched = match_class(at, text.front());
        } else if (!at.empty() && at.front() == '?') {
            matched = text.front() != '/';
            at.remove_prefix(1);
        } else if (!at.empty()) {
            if (at.front() == '\\' && at.size() > 1) at.remove_prefix(1);
            matched = at.front() == text.front();
            at.remove_prefix(1);
        }
        if (matched) {
            pattern = at;
            text.remove_prefix(1);
            continue;
        }
        if (!have_star || star_text.empty() || star_text.front() == '/') return false;
        star_text.remove_prefix(1);
        text = star_text;
        pattern = star_pattern;
    }
    while (!pattern.empty() && pattern.front() == '*') pattern.remove_prefix(1);
    return pattern.empty();
}

} // namespace drupe::filetree
