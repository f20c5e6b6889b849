// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a command line fit into their storage, and their words stay inside it.
#include "../target.h"

#include <drupe/init/start_config.h>

#include <algorithm>
#include <string>

using namespace drupe::init;

namespace {

/// Counts words in the dullest way: a second opinion.
std::size_t count_words(const std::vector<char>& text) {
    std::vector<std::string> words;
    std::string now;
    bool is_quoted = false;
    auto end = [&] {
        if (!now.empty()) words.push_back(now);
        now.clear();
        is_quoted = false;
    };
    for (char c : text) {
        const bool is_space =
            c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
        if (c == '\0' || (is_space && !is_quoted)) {
            end();
            continue;
        }
        if (c == '"') is_quoted = !is_quoted;
        now += c;
    }
    end();
    const bool has_dashes = std::find(words.begin(), words.end(), "--") != words.end();
    return words.size() - (has_dashes ? 1 : 0);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const std::vector<char> text(data, data + bytes);
    std::vector<char> storage(bytes + 1);
    auto line = split_command_line({text.data(), text.size()}, storage);
    FUZZ_CHECK(line.ok());
    const auto check = [&](std::string_view word) {
        FUZZ_CHECK(word.data() >= storage.data());
        FUZZ_CHECK(word.data() + word.size() < storage.data() + storage.size());
        FUZZ_CHECK(word.data()[word.size()] == '\0');
    };
    line.value().options.for_each(check);
    line.value().arguments.for_each(check);
    FUZZ_CHECK(line.value().options.count() + line.value().arguments.count() == count_words(text));
    FUZZ_CHECK(
        !split_command_line({text.data(), text.size()}, std::span(storage).first(bytes)).ok());
    const Options options = read_options(line.value().options);
    const StartOutcome outcome = start_from_command_line(line.value(), options);
    std::size_t words = 0;
    if (outcome.ok()) outcome.config.for_each_argument([&](std::string_view) { words++; });
    FUZZ_CHECK(outcome.ok() == (words > 0));
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    for (std::string text :
         {"console=ttyAMA0 quiet drupe.status=console -- sh -c \"a b\"", "init=/x a=\"b c\" \"d\"",
          "drupe.isolation=el0 drupe.strace drupe.autorun=ktest;poweroff", "\"", "=\"", "-- --"})
        corpus.emplace_back(text.begin(), text.end());
    return corpus;
}
