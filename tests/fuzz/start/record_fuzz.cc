// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a start record give a flaw or a StartConfig that keeps its promises.
#include "../target.h"

#include <drupe/init/start_config.h>

#include <string>

using namespace drupe::init;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const std::vector<char> copy(data, data + bytes); // exactly as long: a read beyond it shows
    const std::string_view text(copy.data(), copy.size());
    const StartOutcome outcome = parse_start_record(text);
    if (!outcome.ok()) return 0;
    const StartConfig& c = outcome.config;
    std::size_t seen = 0;
    c.for_each_argument([&](std::string_view word) {
        seen++;
        FUZZ_CHECK(word.data() >= text.data() && word.data() + word.size() < text.data() + bytes);
        FUZZ_CHECK(word.data()[word.size()] == '\0');
    });
    FUZZ_CHECK(seen >= 1);
    c.environment.for_each([](std::string_view word) {
        FUZZ_CHECK(word.find('=') != word.npos && word.find('=') > 0);
    });
    FUZZ_CHECK(c.cwd.starts_with('/'));
    FUZZ_CHECK(c.uid != 0xffff'ffff && c.gid != 0xffff'ffff);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    for (std::string text : {"arg=a|", "arg=prog|arg=x y|env=A=b|cwd=/|uid=0|gid=65534|",
                             "stdin=tty|stdout=raw|rows=24|cols=80|arg=p|", "uid=4294967294|arg=|",
                             "share=tag:ro:/there|share=a:rw:/b|arg=p|"}) {
        for (char& c : text)
            if (c == '|') c = '\0';
        corpus.emplace_back(text.begin(), text.end());
    }
    return corpus;
}
