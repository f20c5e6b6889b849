// SPDX-License-Identifier: BSD-2-Clause
#include <weak/runner.h>

#include <drupe/base/assert.h>
#include <weak/machine.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace weak {
namespace {

std::vector<const Scenario*>& registered() {
    static std::vector<const Scenario*> all;
    return all;
}

int report_to = -1;

} // namespace

Scenario::Scenario(const char* what, void (*play)(std::uint64_t), Process how)
    : name(what), body(play), process(how) {
    registered().push_back(this);
}
const std::vector<const Scenario*>& scenarios() { return registered(); }

void report_failure(const std::string& what) {
    for (std::size_t done = 0; done < what.size();) {
        const ssize_t n = write(report_to, what.data() + done, what.size() - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    _exit(1);
}

void check(bool holds, const char* what, const char* file, int line) {
    if (holds) return;
    Machine::instance().fail(std::string(what) + " does not hold, at " + file + ":" +
                             std::to_string(line));
}

namespace {

std::string in_child(const std::function<void()>& body) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("no child");
    if (child == 0) {
        close(ends[0]);
        report_to = ends[1];
        alarm(60); // a loop without atomic operations
        body();
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) said += "killed by signal " + std::to_string(WTERMSIG(status));
    if (said.empty() && status != 0) said = "ended with status " + std::to_string(status);
    return said;
}

} // namespace

std::string play(const Scenario& scenario, Seeds seeds, const std::function<void()>& prepare) {
    const std::uint64_t end = seeds.first + seeds.count;
    if (scenario.process == Scenario::Process::many_seeds)
        return in_child([&] {
            if (prepare) prepare();
            for (std::uint64_t seed = seeds.first; seed < end; ++seed) scenario.body(seed);
        });
    for (std::uint64_t seed = seeds.first; seed < end; ++seed) {
        std::string said = in_child([&] {
            if (prepare) prepare();
            scenario.body(seed);
        });
        if (!said.empty()) return said;
    }
    return {};
}

} // namespace weak

namespace drupe {
void assert_failed(const char* expression, const char* file, int line) {
    weak::Machine::instance().fail(std::string("assertion failed: ") + expression + " at " + file +
                                   ":" + std::to_string(line));
}
void panic(std::string_view message) {
    weak::Machine::instance().fail("panic: " + std::string(message));
}
} // namespace drupe
