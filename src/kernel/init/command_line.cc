// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/init/command_line.h>

namespace drupe::init {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

/// One word at the front of `rest`, with its quotes. Takes it off.
std::string_view take_word(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    bool is_quoted = false;
    std::size_t length = 0;
    for (; length < rest.size() && (is_quoted || !is_blank(rest[length])); length++) {
        if (rest[length] == '\0') break; // not even a quote carries over it
        if (rest[length] == '"') is_quoted = !is_quoted;
    }
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(length);
    return word;
}

/// A word whose quotes are taken off as Linux does: one that opens the word or its value, and then
/// one that closes it. Quotes elsewhere are text.
class Unquoted {
public:
    explicit Unquoted(std::string_view word) : text_(word) {
        const bool opens = word.starts_with('"');
        if (opens) text_.remove_prefix(1);
        const std::size_t equals = text_.find('=');
        const bool opens_value =
            equals != text_.npos && equals + 1 < text_.size() && text_[equals + 1] == '"';
        if (opens_value) dropped_ = equals + 1;
        if ((opens || opens_value) && text_.size() > (opens_value ? dropped_ + 1 : 0) &&
            text_.back() == '"')
            text_.remove_suffix(1);
    }
    template <class Put>
    void copy(Put put) const {
        for (std::size_t i = 0; i < text_.size(); i++)
            if (i != dropped_) put(text_[i]);
    }

private:
    std::string_view text_;
    std::size_t dropped_ = std::string_view::npos;
};

bool is_on(std::string_view value) { return value == "1" || value == "on" || value == "yes"; }

/// True when `word` is `name` or `name=VALUE`; `value` is "1" without one.
bool matches(std::string_view word, std::string_view name, std::string_view& value) {
    if (!word.starts_with(name)) return false;
    word.remove_prefix(name.size());
    if (word.empty()) {
        value = "1";
        return true;
    }
    if (word.front() != '=') return false;
    value = word.substr(1);
    return true;
}

bool read_isolation(std::string_view value, Options& options) {
    if (value == "el1t")
        options.isolation = Isolation::el1t;
    else if (value == "el0")
        options.isolation = Isolation::el0;
    else
        return false;
    return true;
}

/// False: a word that begins like ours and is none.
bool read_own_word(std::string_view word, Options& options) {
    std::string_view value;
    if (matches(word, "drupe.isolation", value)) return read_isolation(value, options);
    if (matches(word, "drupe.status", value)) {
        options.status_on_console = value == "console";
        return options.status_on_console;
    }
    if (matches(word, "drupe.strace", value)) {
        options.strace = is_on(value);
        return true;
    }
    if (matches(word, "drupe.devices", value)) {
        options.devices = is_on(value);
        return true;
    }
    if (matches(word, "drupe.autorun", value)) {
        options.autorun = value;
        return true;
    }
    return false;
}

void read_linux_word(std::string_view word, Options& options) {
    std::string_view value;
    if (word == "quiet")
        options.quiet = true;
    else if (word == "norandmaps")
        options.randomize = false;
    else if (matches(word, "init", value))
        options.program = value;
    else if (matches(word, "console", value))
        options.console = value;
    else if (matches(word, "root", value))
        options.root = value;
    else if (matches(word, "rootfstype", value))
        options.root_type = value;
}

} // namespace

Result<CommandLine> split_command_line(std::string_view text, std::span<char> storage) {
    if (storage.size() < text.size() + 1) return Errc::too_big;
    std::size_t used = 0, options_end = 0;
    bool is_behind = false;
    for (std::string_view rest = text;;) {
        const std::string_view word = take_word(rest);
        if (word.empty()) break;
        if (!is_behind && word == "--") {
            is_behind = true;
            options_end = used;
            continue;
        }
        // Never longer than what was taken: each word loses a blank and gains a NUL.
        Unquoted(word).copy([&](char c) { storage[used++] = c; });
        storage[used++] = '\0';
    }
    if (!is_behind) options_end = used;
    const std::string_view all(storage.data(), used);
    return CommandLine{Words(all.substr(0, options_end)), Words(all.substr(options_end))};
}

Options read_options(const Words& words) {
    Options options;
    words.for_each([&](std::string_view word) {
        if (!word.starts_with("drupe."))
            read_linux_word(word, options);
        else if (!read_own_word(word, options) && options.unknown.empty())
            options.unknown = word;
    });
    return options;
}

} // namespace drupe::init
