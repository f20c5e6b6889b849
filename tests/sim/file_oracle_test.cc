// SPDX-License-Identifier: BSD-2-Clause
// Random sequences of file operations, each done twice: by this kernel's system calls on its own
// file system in memory, and by the build machine's Linux in a directory of its tmpfs. Results,
// errors and what is found afterwards must agree.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <random>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;
using sim::Word;

namespace {

constexpr int cwd = -100;

/// arm64's open flags from x86's, where they differ.
int arm_flags(int flags) {
    int out = flags & ~(O_DIRECTORY | O_NOFOLLOW | O_DIRECT);
    if (flags & O_DIRECTORY) out |= vfs::open_directory;
    if (flags & O_NOFOLLOW) out |= vfs::open_no_follow;
    return out;
}

struct Stat { // struct stat of arm64
    std::uint64_t dev, ino;
    std::uint32_t mode, nlink, uid, gid;
    std::uint64_t rdev, pad1;
    std::int64_t size;
    std::int32_t blksize, pad2;
    std::int64_t blocks, times[6];
    std::uint32_t unused[2];
};

class Oracle {
public:
    Oracle(sim::Program& program, std::uint64_t seed)
        : program_(program), random_(seed), allocates_(seed % 2 != 0) {
        char path[] = "/dev/shm/drupe-files-XXXXXX";
        const char* made = mkdtemp(path);
        if (!made) made = mkdtemp(std::strcpy(path, "/tmp/drupe-files-XXXXXX"));
        REQUIRE(made);
        top_ = made;
        REQUIRE(::chmod(top_.c_str(), 0755) == 0);
        // Linux sees the directory as its root, too: no ".." leads out of it.
        real_root_ = ::open("/", O_RDONLY | O_DIRECTORY);
        REQUIRE(::chroot(top_.c_str()) == 0);
        REQUIRE(::mkdir("/w", 0755) == 0);
        REQUIRE(::chdir("/w") == 0);
        ::umask(022);
        ::signal(SIGPIPE, SIG_IGN);
        ours(sys::mkdirat(cwd, at("w"), 0755));
        REQUIRE(ours(sys::chdir(at("w"))) == 0);
    }
    ~Oracle() {
        for (auto& f : files_) ::close(f.theirs);
        (void)!::fchdir(real_root_);
        (void)!::chroot(".");
        ::close(real_root_);
        (void)!std::system(("rm -rf " + top_).c_str());
    }

    void step();
    void compare_trees();
    std::string history;

private:
    struct Pair {
        int ours, theirs;
    };

    std::int64_t ours(Result<Word> result) {
        return result.ok() ? static_cast<std::int64_t>(result.value())
                           : sys::to_return_value(result.error());
    }
    static std::int64_t theirs(long result) { return result < 0 ? -errno : result; }

    std::size_t pick(std::size_t n) { return random_() % n; }
    std::string path();
    void note(const std::string& what) { history += what + "\n"; }
    void agree(const std::string& what, std::int64_t mine, std::int64_t real) {
        note(what + " = " + std::to_string(real));
        if (mine == real) return;
        INFO(history);
        INFO(what << ": here " << mine << ", on Linux " << real);
        REQUIRE(mine == real);
    }
    void open_some();
    void io(const Pair& f);
    void names();
    void attributes();
    void compare_stat(const std::string& what, const Stat& mine, const struct ::stat& real);

    sim::Program& program_;
    std::mt19937_64 random_;
    bool allocates_;
    std::string top_;
    int real_root_;
    std::vector<Pair> files_;
};

std::string Oracle::path() {
    static const char* const parts[] = {"a",   "b",     "c",      "d",      "d/a",      "d/b",
                                        "d/e", "d/e/f", "d/e/g",  "l",      "d/l",      "a/x",
                                        "l/a", "d/./b", "d/../a", "../w/b", "d/e/../a", ".",
                                        "..",  "d/.",   "d/..",   "",       "l/../b"};
    std::string p = parts[pick(std::size(parts))];
    if (!p.empty() && pick(12) == 0) p += "/";
    if (pick(60) == 0) p = std::string(255 + pick(2), 'n');
    return p;
}

void Oracle::open_some() {
    static constexpr int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
    int flags = modes[pick(4)];
    if (pick(2)) flags |= O_CREAT;
    if (pick(4) == 0) flags |= O_EXCL;
    if (pick(5) == 0) flags |= O_TRUNC;
    if (pick(5) == 0) flags |= O_APPEND;
    if (pick(8) == 0 && !(flags & O_CREAT)) flags |= O_DIRECTORY;
    if (pick(8) == 0) flags |= O_NOFOLLOW;
    if (pick(30) == 0) flags = (flags & O_ACCMODE) | __O_TMPFILE | O_DIRECTORY;
    if (pick(20) == 0) flags = O_PATH | (flags & (O_NOFOLLOW | O_DIRECTORY));
    const std::string p = path();
    flags |= O_NONBLOCK; // FIFOs do not wait for their other end
    const int mode = static_cast<int>(random_() & 0777);
    const std::int64_t mine =
        ours(sys::openat(cwd, at(p.c_str()), arm_flags(flags), static_cast<std::uint32_t>(mode)));
    const std::int64_t real = theirs(::open(p.c_str(), flags, mode));
    const std::string what = "open(" + p + ", 0" + [&] {
        char t[32];
        std::snprintf(t, sizeof t, "%o, %o", static_cast<unsigned>(flags),
                      static_cast<unsigned>(mode));
        return std::string(t);
    }() + ")";
    agree(what, mine < 0 ? mine : 0, real < 0 ? real : 0);
    if (real >= 0) note("  it is " + std::to_string(real));
    if (mine >= 0) files_.push_back({static_cast<int>(mine), static_cast<int>(real)});
}

void Oracle::io(const Pair& f) {
    static char mine[70000], real[70000], data[70000];
    static constexpr std::size_t sizes[] = {0, 1, 7, 100, 4096, 5000, 20000};
    const std::size_t n = sizes[pick(std::size(sizes))];
    const auto offset = static_cast<std::int64_t>(pick(4) == 0 ? random_() % 200000 : pick(9000));
    for (std::size_t i = 0; i < n; i++) data[i] = static_cast<char>(random_());
    switch (pick(14)) {
    case 0:
    case 1: {
        std::memset(mine, 1, n);
        std::memset(real, 1, n);
        const auto a = ours(sys::read(f.ours, at(mine), n));
        agree("read(" + std::to_string(f.theirs) + ", " + std::to_string(n) + ")", a,
              theirs(::read(f.theirs, real, n)));
        REQUIRE(std::memcmp(mine, real, n) == 0);
        break;
    }
    case 2:
    case 3: {
        const auto a = ours(sys::write(f.ours, at(data), n));
        agree("write(" + std::to_string(f.theirs) + ", " + std::to_string(n) + ")", a,
              theirs(::write(f.theirs, data, n)));
        break;
    }
    case 4: {
        std::memset(mine, 1, n);
        std::memset(real, 1, n);
        const auto a = ours(sys::pread64(f.ours, at(mine), n, offset));
        agree("pread(" + std::to_string(f.theirs) + ")", a,
              theirs(::pread(f.theirs, real, n, offset)));
        REQUIRE(std::memcmp(mine, real, n) == 0);
        break;
    }
    case 5: {
        const auto a = ours(sys::pwrite64(f.ours, at(data), n, offset));
        agree("pwrite(" + std::to_string(f.theirs) + ", " + std::to_string(n) + ", " +
                  std::to_string(offset) + ")",
              a, theirs(::pwrite(f.theirs, data, n, offset)));
        break;
    }
    case 6: {
        // Allocated pages that nobody wrote to are holes to tmpfs and data here.
        const int whence = static_cast<int>(allocates_ ? pick(3) : pick(6));
        const std::int64_t to = pick(5) == 0 ? -static_cast<std::int64_t>(pick(100)) : offset;
        const auto a = ours(sys::lseek(f.ours, to, whence));
        // Where a directory's positions lie is each file system's own affair.
        struct ::stat st;
        ::fstat(f.theirs, &st);
        if (S_ISDIR(st.st_mode)) {
            (void)ours(sys::lseek(f.ours, 0, 0));
            (void)::lseek(f.theirs, 0, 0);
            break;
        }
        agree("lseek(" + std::to_string(f.theirs) + ", " + std::to_string(to) + ", " +
                  std::to_string(whence) + ")",
              a, theirs(::lseek(f.theirs, to, whence)));
        break;
    }
    case 7: {
        const std::int64_t to = pick(8) == 0 ? -1 : offset;
        agree("ftruncate(" + std::to_string(f.theirs) + ", " + std::to_string(to) + ")",
              ours(sys::ftruncate(f.ours, to)), theirs(::ftruncate(f.theirs, to)));
        break;
    }
    case 8: {
        const int mode = allocates_ ? std::array{0, 1, 3, 3, 2, 8}[pick(6)] : 3;
        const auto length = static_cast<std::int64_t>(pick(20000));
        agree("fallocate(" + std::to_string(f.theirs) + ", " + std::to_string(mode) + ", " +
                  std::to_string(offset) + ", " + std::to_string(length) + ")",
              ours(sys::fallocate(f.ours, static_cast<std::uint32_t>(mode), offset, length)),
              theirs(::syscall(SYS_fallocate, f.theirs, mode, offset, length)));
        break;
    }
    case 9: {
        struct ::iovec v[3] = {
            {data, n / 3}, {data + n / 3, n / 3}, {data + 2 * (n / 3), n - 2 * (n / 3)}};
        const auto a = ours(sys::writev(f.ours, at(v), 3));
        agree("writev(" + std::to_string(f.theirs) + ")", a, theirs(::writev(f.theirs, v, 3)));
        break;
    }
    case 10: {
        Stat mine_stat{};
        struct ::stat real_stat {};
        const auto a = ours(sys::fstat(f.ours, at(&mine_stat)));
        agree("fstat(" + std::to_string(f.theirs) + ")", a, theirs(::fstat(f.theirs, &real_stat)));
        compare_stat("fstat", mine_stat, real_stat);
        break;
    }
    case 11: {
        const auto a = ours(sys::fcntl(f.ours, F_GETFL, 0));
        const auto b = theirs(::fcntl(f.theirs, F_GETFL, 0));
        constexpr int compared = O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH;
        agree("F_GETFL(" + std::to_string(f.theirs) + ")", a < 0 ? a : a & compared,
              b < 0 ? b : b & compared);
        break;
    }
    case 12: {
        const int flags = static_cast<int>(random_()) & (O_APPEND | O_NONBLOCK);
        agree("F_SETFL(" + std::to_string(f.theirs) + ")",
              ours(sys::fcntl(f.ours, F_SETFL, static_cast<Word>(flags))),
              theirs(::fcntl(f.theirs, F_SETFL, flags)));
        break;
    }
    default: {
        const auto mode =
            static_cast<std::uint32_t>(random_() & 06777); // sticky: see fs.protected_regular
        agree("fchmod(" + std::to_string(f.theirs) + ")", ours(sys::fchmod(f.ours, mode)),
              theirs(::fchmod(f.theirs, mode)));
    }
    }
}

void Oracle::compare_stat(const std::string& what, const Stat& mine, const struct ::stat& real) {
    INFO(history);
    INFO(what);
    REQUIRE(mine.mode == real.st_mode);
    REQUIRE(mine.nlink == real.st_nlink);
    REQUIRE(mine.uid == real.st_uid);
    REQUIRE(mine.gid == real.st_gid);
    if (!S_ISDIR(real.st_mode)) REQUIRE(mine.size == real.st_size);
    if (S_ISREG(real.st_mode)) REQUIRE(mine.blocks == real.st_blocks);
}

void Oracle::names() {
    const std::string p = path(), q = path();
    const char *a = p.c_str(), *b = q.c_str();
    switch (pick(11)) {
    case 0:
        agree("mkdir(" + p + ")", ours(sys::mkdirat(cwd, at(a), 0755)), theirs(::mkdir(a, 0755)));
        break;
    case 1:
        agree("rmdir(" + p + ")", ours(sys::unlinkat(cwd, at(a), 0x200)), theirs(::rmdir(a)));
        break;
    case 2:
    case 3:
        agree("unlink(" + p + ")", ours(sys::unlinkat(cwd, at(a), 0)), theirs(::unlink(a)));
        break;
    case 4:
    case 5:
        agree("rename(" + p + ", " + q + ")", ours(sys::renameat(cwd, at(a), cwd, at(b))),
              theirs(::rename(a, b)));
        break;
    case 6: {
        const auto flags = static_cast<unsigned>(pick(4));
        agree("renameat2(" + p + ", " + q + ", " + std::to_string(flags) + ")",
              ours(sys::renameat2(cwd, at(a), cwd, at(b), flags)),
              theirs(::syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags)));
        break;
    }
    case 7: {
        const int flags = pick(2) ? 0x400 : 0;
        agree("link(" + p + ", " + q + ", " + std::to_string(flags) + ")",
              ours(sys::linkat(cwd, at(a), cwd, at(b), flags)),
              theirs(::linkat(AT_FDCWD, a, AT_FDCWD, b, flags)));
        break;
    }
    case 8:
        agree("symlink(" + q + ", " + p + ")", ours(sys::symlinkat(at(b), cwd, at(a))),
              theirs(::symlink(b, a)));
        break;
    case 9: {
        char mine[300] = {}, real[300] = {};
        const auto r = ours(sys::readlinkat(cwd, at(a), at(mine), 299));
        agree("readlink(" + p + ")", r, theirs(::readlink(a, real, 299)));
        REQUIRE(std::string(mine) == real);
        break;
    }
    default: {
        const std::uint32_t kinds[] = {S_IFIFO, S_IFREG, S_IFSOCK, 0, S_IFDIR};
        const std::uint32_t mode = kinds[pick(5)] | 0644;
        agree("mknod(" + p + ", " + std::to_string(mode) + ")",
              ours(sys::mknodat(cwd, at(a), mode, 0)), theirs(::mknod(a, mode, 0)));
    }
    }
}

void Oracle::attributes() {
    const std::string p = path();
    const char* a = p.c_str();
    switch (pick(7)) {
    case 0: {
        const auto mode =
            static_cast<std::uint32_t>(random_() & 06777); // sticky: see fs.protected_regular
        agree("chmod(" + p + ")", ours(sys::fchmodat(cwd, at(a), mode)), theirs(::chmod(a, mode)));
        break;
    }
    case 1:
    case 2: {
        Stat mine{};
        struct ::stat real {};
        const int flags = pick(2) ? 0x100 : 0;
        const auto r = ours(sys::newfstatat(cwd, at(a), at(&mine), flags));
        agree("stat(" + p + ", " + std::to_string(flags) + ")", r,
              theirs(::fstatat(AT_FDCWD, a, &real, flags)));
        if (r == 0) compare_stat("stat " + p, mine, real);
        break;
    }
    case 3: {
        const int mode = static_cast<int>(pick(8));
        agree("access(" + p + ")", ours(sys::faccessat(cwd, at(a), mode)),
              theirs(::access(a, mode)));
        break;
    }
    case 4: {
        const auto size = static_cast<std::int64_t>(pick(30000));
        agree("truncate(" + p + ", " + std::to_string(size) + ")", ours(sys::truncate(at(a), size)),
              theirs(::truncate(a, size)));
        break;
    }
    case 5: {
        const auto uid = static_cast<std::uint32_t>(pick(3) ? pick(4) : ~0u);
        const int flags = pick(2) ? 0x100 : 0;
        agree("chown(" + p + ")", ours(sys::fchownat(cwd, at(a), uid, uid, flags)),
              theirs(::fchownat(AT_FDCWD, a, uid, uid, flags)));
        break;
    }
    default: {
        const struct ::timespec times[2] = {{static_cast<time_t>(pick(1000000)), 5}, {3, 7}};
        agree("utimens(" + p + ")", ours(sys::utimensat(cwd, at(a), at(times), 0)),
              theirs(::utimensat(AT_FDCWD, a, times, 0)));
    }
    }
}

void Oracle::step() {
    if (files_.size() > 8 || (!files_.empty() && pick(25) == 0)) {
        const std::size_t which = pick(files_.size());
        const Pair f = files_[which];
        files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(which));
        agree("close(" + std::to_string(f.theirs) + ")", ours(sys::close(f.ours)),
              theirs(::close(f.theirs)));
        return;
    }
    switch (pick(8)) {
    case 0:
    case 1: open_some(); break;
    case 2:
    case 3:
    case 4:
        if (!files_.empty()) io(files_[pick(files_.size())]);
        break;
    case 5: attributes(); break;
    default: names();
    }
}

/// Every name below the work directory, with its attributes and content.
void Oracle::compare_trees() {
    std::vector<std::string> open{"."};
    while (!open.empty()) {
        const std::string directory = open.back();
        open.pop_back();
        std::set<std::string> mine, real;
        const std::int64_t fd =
            ours(sys::openat(cwd, at(directory.c_str()), static_cast<int>(vfs::open_directory), 0));
        REQUIRE(fd >= 0);
        char buffer[200]; // small: many calls
        for (;;) {
            const std::int64_t n =
                ours(sys::getdents64(static_cast<int>(fd), at(buffer), sizeof buffer));
            if (n == -EINVAL) break; // a name of 255 bytes does not fit
            REQUIRE(n >= 0);
            if (n == 0) break;
            for (std::int64_t i = 0; i < n;) {
                std::uint16_t length;
                std::memcpy(&length, buffer + i + 16, 2);
                const std::string name(buffer + i + 19);
                CHECK(mine.insert(name + "/" + std::to_string(buffer[i + 18])).second);
                i += length;
            }
        }
        REQUIRE(ours(sys::close(static_cast<int>(fd))) == 0);
        DIR* d = ::opendir(directory.c_str());
        REQUIRE(d);
        bool has_long = false;
        while (const dirent* e = ::readdir(d)) {
            has_long |= std::strlen(e->d_name) > 170;
            real.insert(std::string(e->d_name) + "/" + std::to_string(e->d_type));
            const std::string name = e->d_name;
            if (name == "." || name == "..") continue;
            const std::string below = directory + "/" + name;
            Stat mine_stat{};
            struct ::stat real_stat {};
            REQUIRE(ours(sys::newfstatat(cwd, at(below.c_str()), at(&mine_stat), 0x100)) == 0);
            REQUIRE(::lstat(below.c_str(), &real_stat) == 0);
            compare_stat(below, mine_stat, real_stat);
            if (S_ISDIR(real_stat.st_mode)) open.push_back(below);
        }
        ::closedir(d);
        INFO(history);
        INFO(directory);
        if (!has_long) REQUIRE(mine == real);
    }
}

} // namespace

TEST_CASE("random file operations agree with the build machine's Linux") {
    if (::geteuid() != 0) {
        WARN("skipped: as another user than 0 the two sides have different rights");
        return;
    }
    const std::uint64_t seeds = std::getenv("DRUPE_FILE_SEEDS")
                                    ? std::strtoull(std::getenv("DRUPE_FILE_SEEDS"), nullptr, 10)
                                    : 40;
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([seeds](sim::Program& program) {
        for (std::uint64_t seed = 1; seed <= seeds; seed++) {
            auto fs = ramfs::create({}).value();
            ScopeExit gone{[&] { fs->detach(); }};
            auto& who = process::current_context();
            who.fs->set_root(fs->root());
            who.fs->set_cwd(fs->root());
            Oracle oracle(program, seed);
            for (int i = 0; i < 1500; i++) oracle.step();
            oracle.compare_trees();
            who.files->close_all();
        }
    });
    programs.run();
}
