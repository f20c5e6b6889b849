// SPDX-License-Identifier: BSD-2-Clause
// What a C++ program needs of its start: constructors, exceptions through several frames, variables
// of a thread with constructors, threads that join.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Tracked {
    explicit Tracked(const char* name) : name_(name) { std::printf("+%s\n", name_.c_str()); }
    ~Tracked() { std::printf("-%s\n", name_.c_str()); }
    std::string name_;
};

static Tracked global("global");
thread_local Tracked mine("thread_local");
thread_local int counter = 40;

[[gnu::noinline]] static int depth(int n) {
    Tracked here("frame");
    if (n == 0) throw std::runtime_error("from the bottom");
    return depth(n - 1) + 1;
}

int main() {
    std::printf("%s\n", mine.name_.c_str());
    try {
        depth(3);
    } catch (const std::exception& error) { std::printf("caught: %s\n", error.what()); }
    std::thread([] { std::printf("in thread: %d %s\n", ++counter, mine.name_.c_str()); }).join();
    std::printf("in main: %d\n", counter);
    try {
        std::vector<int>(3).at(7);
    } catch (const std::out_of_range&) { std::puts("out of range"); }
    std::vector<std::thread> threads;
    int sums[4] = {};
    for (int t = 0; t < 4; t++)
        threads.emplace_back([t, &sums] {
            for (int i = 0; i <= 1000 * (t + 1); i++) sums[t] += i;
        });
    for (auto& thread : threads) thread.join();
    for (int sum : sums) std::printf("%d\n", sum);
}
