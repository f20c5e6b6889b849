// SPDX-License-Identifier: BSD-2-Clause
// execve and execveat.
#include <drupe/process/lifecycle.h>
#include <drupe/process/program.h>
#include <drupe/syscall/handlers.h>

#include <drupe/arch/user_access.h>
#include <drupe/base/format.h>
#include <drupe/entropy/random.h>
#include <drupe/vfs/operations.h>

#include <array>

namespace drupe::syscall {
namespace {

using namespace process;
using Word = std::uint64_t;

constexpr int at_fdcwd = -100, at_symlink_nofollow = 0x100, at_empty_path = 0x1000;

/// A page, for a path: too large for the stack.
struct PathText {
    PathText() {} // not cleared: a page of zeros costs more than what goes into it
    std::array<char, vfs::max_path> text;
};

Result<OwnPtr<PathText>> read_path(VirtAddr at) {
    auto path = TRY(make_own<PathText>());
    TRY(arch::copy_string_from_user(path->text.data(), at, path->text.size()));
    return path;
}

class CallerOpener final : public exec::Opener {
public:
    Result<RefPtr<vfs::File>> open_program(const char* path) override {
        return vfs::open_executable(current_context(), nullptr, path);
    }
};

struct Vectors {
    VirtAddr arguments, environment;
};

/// `file`: opened already; null: the loader opens `path`.
Result<Word> run(const char* path, RefPtr<vfs::File> file, Vectors vectors) {
    const Process& self = current_process();
    const Credentials& who = self.credentials;
    auto block = TRY(make_own<exec::ArgumentBlock>(
        exec::ArgumentBlock::limit_for_stack(self.limit(Resource::stack).soft)));
    TRY(block->add_arguments(vectors.arguments));
    TRY(block->add_variables(vectors.environment));
    CallerOpener opener;
    exec::LoadRequest request;
    request.opener = &opener;
    request.path = path;
    request.file = std::move(file);
    request.arguments = block.get();
    request.uid = who.uid;
    request.euid = who.euid;
    request.gid = who.gid;
    request.egid = who.egid;
    request.secure = who.uid != who.euid || who.gid != who.egid;
    exec::LoadRequest::Drawn drawn;
    entropy::fill(std::as_writable_bytes(std::span(drawn)));
    request.take(drawn);
    exec::FailureReport report; // the errno is enough: shells try one path after another
    TRY(replace_program(*sched::current().user_frame, request, report));
    return Word{0};
}

/// The path a program opened by descriptor is known under: /dev/fd/N or /dev/fd/N/PATH.
void name_after_descriptor(PathText& name, int fd, const char* path) {
    BufferSink sink(std::span(name.text).first(name.text.size() - 1));
    format_to(sink, "/dev/fd/{}{}{}", fd, *path != 0 ? "/" : "", path);
    name.text[sink.text().size()] = 0;
}

} // namespace

Result<Word> execve(VirtAddr path, VirtAddr arguments, VirtAddr environment) {
    const auto text = TRY(read_path(path));
    return run(text->text.data(), nullptr, {arguments, environment});
}

Result<Word> execveat(int dirfd, VirtAddr path, VirtAddr arguments, VirtAddr environment,
                      int flags) {
    if ((flags & ~(at_symlink_nofollow | at_empty_path)) != 0) return Errc::invalid;
    const auto text = TRY(read_path(path));
    const char* const name = text->text.data();
    if (dirfd == at_fdcwd || *name == '/') {
        if ((flags & at_symlink_nofollow) == 0) return run(name, nullptr, {arguments, environment});
    }
    std::uint32_t walk = (flags & at_symlink_nofollow) != 0 ? 0 : std::uint32_t{vfs::walk_follow};
    if ((flags & at_empty_path) != 0) walk |= vfs::walk_empty_ok;
    RefPtr<vfs::File> start;
    if (dirfd != at_fdcwd && *name != '/') {
        start = current_user().files->get_ref(static_cast<std::uint32_t>(dirfd));
        if (!start) return Errc::bad_descriptor;
    }
    vfs::Dentry* const from = start ? &start->dentry() : nullptr;
    RefPtr<vfs::File> file = TRY(vfs::open_executable(current_context(), from, name, walk));
    if (!start) return run(name, std::move(file), {arguments, environment});
    const auto known_as = TRY(make_own<PathText>());
    name_after_descriptor(*known_as, dirfd, name);
    return run(known_as->text.data(), std::move(file), {arguments, environment});
}

} // namespace drupe::syscall
