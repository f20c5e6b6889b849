// SPDX-License-Identifier: BSD-2-Clause
// What /proc shows out of a process's memory to another one.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>
#include <drupe/process/user_thread.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file_system.h>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <string>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;
using sim::Word;

namespace {

constexpr int cwd = -100;
constexpr char arguments[] = "sh\0-c\0echo  two words";
constexpr char environment[] = "A=b\0C=";

/// A stack as exec leaves it: arguments at its beginning, the environment in its middle.
class Stack final : public mm::VmObject {
    std::uint64_t page_limit() const override { return 1; }
    Result<void> fill_page(std::uint64_t, void* page) override {
        std::memcpy(page, arguments, sizeof arguments);
        std::memcpy(static_cast<char*>(page) + page_size / 2, environment, sizeof environment);
        return {};
    }
};

std::int64_t value(Result<Word> r) {
    return r.ok() ? static_cast<std::int64_t>(r.value()) : sys::to_return_value(r.error());
}

std::string read_all(const std::string& path) {
    const int fd = static_cast<int>(value(sys::openat(cwd, at(path.c_str()), 0, 0)));
    if (fd < 0) return "error " + std::to_string(fd);
    char text[200];
    const std::int64_t n = value(sys::read(fd, at(text), sizeof text));
    REQUIRE(value(sys::close(fd)) == 0);
    return n < 0 ? "error " + std::to_string(n) : std::string(text, static_cast<std::size_t>(n));
}

void set_bounds(process::Image& image) {
    mm::MapRequest request;
    request.pages = {1};
    request.perm = arch::Perm::read | arch::Perm::write;
    request.object = make_ref<Stack>().value();
    const VirtAddr stack = image.space().map(request).value();
    image.arguments_begin = stack;
    image.arguments_end = stack + sizeof arguments;
    image.environment_begin = stack + page_size / 2;
    image.environment_end = stack + page_size / 2 + sizeof environment;
}

} // namespace

TEST_CASE("one process sees another's arguments and environment, and the reaper by its name") {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    const std::string shown(arguments, sizeof arguments),
        variables(environment, sizeof environment);
    programs.start([&](sim::Program& parent) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        auto& who = process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        REQUIRE(value(sys::mkdirat(cwd, at("/proc"), 0755)) == 0);
        REQUIRE(value(sys::mount(at("p"), at("/proc"), at("proc"), 0, VirtAddr{0})) == 0);
        const std::string self = "/proc/" + std::to_string(process::current_process().pid);
        CHECK(read_all("/proc/1/stat").starts_with("1 (drupe) S 0 "));
        CHECK(read_all("/proc/1/comm") == "drupe\n");
        CHECK(read_all("/proc/1/cmdline").empty());
        set_bounds(*process::current_process().image);
        CHECK(read_all(self + "/cmdline") == shown);
        const std::int64_t child = sim::clone(parent, sim::fork_flags, [&](sim::Program&) {
            process::current_process().image->arguments_begin = VirtAddr{0x1000}; // nothing there
            CHECK(read_all(self + "/cmdline") == shown);
            CHECK(read_all(self + "/environ") == variables);
            CHECK(read_all("/proc/self/cmdline") == "error " + std::to_string(-EFAULT));
            process::current_context().files->close_all();
        });
        REQUIRE(child > 0);
        const int pid = static_cast<int>(child);
        CHECK(parent.call([&] { return sys::wait4(pid, VirtAddr{0}, 0, VirtAddr{0}); }) == child);
        who.files->close_all();
        CHECK(value(sys::umount2(at("/proc"), 0)) == 0);
    });
    programs.run();
}
