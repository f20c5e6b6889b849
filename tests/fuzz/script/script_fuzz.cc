// SPDX-License-Identifier: BSD-2-Clause
// Any first bytes of a file give no script line, or one whose parts lie inside them.
#include "../target.h"

#include <drupe/exec/script.h>

#include <string>

using namespace drupe::exec;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const std::size_t seen = bytes < script_line_bytes ? bytes : script_line_bytes;
    const std::vector<char> copy(data, data + seen);
    const std::span<const char> start(copy);
    auto line = parse_script(start);
    if (!is_script(start)) FUZZ_CHECK(!line.ok());
    if (!line.ok()) return 0;
    const auto [name, option] = line.value();
    const auto is_inside = [&](std::string_view part) {
        return part.data() >= copy.data() && part.data() + part.size() <= copy.data() + copy.size();
    };
    FUZZ_CHECK(!name.empty() && is_inside(name));
    FUZZ_CHECK(name.find_first_of(std::string_view(" \t\n\0", 4)) == name.npos);
    FUZZ_CHECK(option.empty() || is_inside(option));
    FUZZ_CHECK(option.find_first_of(std::string_view("\n\0", 2)) == option.npos);
    FUZZ_CHECK(option.empty() || (option.front() != ' ' && option.front() != '\t'));
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    for (const std::string& text :
         {std::string("#!/bin/sh\necho"), std::string("#! /usr/bin/env -S a b \n"),
          std::string("#!\t/x\ty"), "#!/" + std::string(253, 'x'), std::string("#!\n")})
        corpus.emplace_back(text.begin(), text.end());
    return corpus;
}
