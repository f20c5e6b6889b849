// SPDX-License-Identifier: BSD-2-Clause
// Runs one fuzz target over its corpus and over seeded mutations of it: the same inputs on every
// machine, so that a failure is found again by its number. The target has libFuzzer's signature and
// can be linked with that instead.
//   fuzz-TARGET [ROUNDS [SEED]]
#include "target.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/time.h>

namespace {

// CPU time after which 64 rounds count as some that never end: many times what the slowest take.
constexpr long hang_seconds = 10;

using Bytes = std::vector<std::uint8_t>;

std::uint64_t state;
std::uint64_t next() {
    // splitmix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
std::size_t below(std::size_t n) { return n == 0 ? 0 : next() % n; }

void put_interesting(Bytes& bytes) {
    static constexpr std::uint64_t values[] = {0,
                                               1,
                                               2,
                                               0x7f,
                                               0x80,
                                               0xff,
                                               0x100,
                                               0xfff,
                                               0x1000,
                                               0xffff,
                                               0x10000,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               1ull << 47,
                                               1ull << 48,
                                               0x7fffffffffffffff,
                                               0x8000000000000000,
                                               ~0ull - 0xfff,
                                               ~0ull - 7,
                                               ~0ull};
    const std::size_t width = std::size_t{1} << below(4);
    if (bytes.size() < width) return;
    const std::uint64_t value = values[below(std::size(values))] + below(3) - 1;
    // Fields are aligned more often than not.
    std::size_t at = below(bytes.size() - width + 1);
    if (below(4) != 0) at = at / width * width;
    std::memcpy(bytes.data() + at, &value, width);
}

void mutate(Bytes& bytes, const std::vector<Bytes>& corpus) {
    switch (below(8)) {
    case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] ^= static_cast<std::uint8_t>(1 << below(8));
        return;
    case 1:
        if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<std::uint8_t>(next());
        return;
    case 2: bytes.resize(below(bytes.size() + 1)); return;
    case 3:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1)),
                     static_cast<std::uint8_t>(next()));
        return;
    case 4: {
        const Bytes& other = corpus[below(corpus.size())];
        if (other.empty() || bytes.empty()) return;
        const std::size_t at = below(std::min(bytes.size(), other.size()));
        const std::size_t n = below(std::min(bytes.size(), other.size()) - at) + 1;
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(at), n,
                    bytes.begin() + static_cast<std::ptrdiff_t>(at));
        return;
    }
    default: put_interesting(bytes); return;
    }
}

unsigned long round_now;
const Bytes* input_now;

void watch_for_hangs() {
    itimerval limit{};
    limit.it_value.tv_sec = hang_seconds;
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

} // namespace

void fuzz_failed(const char* what) {
    std::fprintf(stderr, "round %lu: %s; the input is in fuzz-failure.bin\n", round_now, what);
    if (std::FILE* out = std::fopen("fuzz-failure.bin", "wb")) {
        std::fwrite(input_now->data(), 1, input_now->size(), out);
        std::fclose(out);
    }
    std::exit(1);
}

int main(int argc, char** argv) {
    const unsigned long rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 0) : 200'000;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    const std::vector<Bytes> corpus = fuzz_corpus();
    std::signal(SIGVTALRM, [](int) { fuzz_failed("it does not end"); });
    for (const Bytes& bytes : corpus) {
        input_now = &bytes;
        watch_for_hangs();
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    for (round_now = 1; round_now <= rounds; round_now++) {
        state = seed * 0x1000003 + round_now;
        Bytes bytes = corpus[below(corpus.size())];
        for (std::size_t n = below(6) + 1; n > 0; n--) mutate(bytes, corpus);
        input_now = &bytes;
        if (round_now % 64 == 1) watch_for_hangs();
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%lu rounds over %zu inputs\n", rounds, corpus.size());
}
