// SPDX-License-Identifier: BSD-2-Clause
// The order of loading: find the program behind scripts, plan it and its interpreter, map both,
// then vDSO and stack. Nothing outside the space changes.
#include "map_program.h"
#include "placement.h"

#include <drupe/arch/elf_abi.h>
#include <drupe/arch/user_access.h>
#include <drupe/exec/load.h>
#include <drupe/exec/script.h>
#include <drupe/exec/vdso.h>

#include <cstring>

namespace drupe::exec {
namespace {

constexpr unsigned max_script_depth = 5;
constexpr std::size_t max_path = 4096;

struct Path {
    Path() {} // not cleared: a page of zeros costs more than what goes into it
    char text[max_path];
    /// name_too_long.
    Result<void> set(std::string_view name) {
        if (name.size() >= max_path) return Errc::name_too_long;
        std::memcpy(text, name.data(), name.size());
        text[name.size()] = '\0';
        return {};
    }
};

class Loader {
public:
    Loader(mm::AddressSpace& space, LoadRequest& request, FailureReport& report, ExecImage& image)
        : space_(space), request_(request), report_(report), image_(image),
          places_(request.seed, request.randomize) {}

    Result<void> run() {
        TRY(find_program());
        TRY(find_interpreter());
        TRY(map_program());
        TRY(map_interpreter());
        TRY(map_vdso());
        TRY(make_stack());
        image_.executable = program_->file;
        return {};
    }

private:
    Result<void> find_program();
    Result<bool> unwrap_script(vfs::File& file, Path& path);
    Result<RefPtr<vfs::File>> open(const char* path, const char* wanted_by);
    Result<void> find_interpreter();
    Result<void> map_program();
    Result<void> map_interpreter();
    Result<void> map_vdso();
    Result<void> make_stack();
    Result<void> map_stack(VirtAddr top, VirtAddr sp);
    AuxFacts facts() const;

    mm::AddressSpace& space_;
    LoadRequest& request_;
    FailureReport& report_;
    ExecImage& image_;
    Placement places_;
    // They close from the last to the first, as Linux's do: who watches them sees that.
    RefPtr<vfs::File> scripts_[max_script_depth];
    RefPtr<vfs::File> interpreter_file_;
    OwnPtr<ProgramFile> interpreter_;
    OwnPtr<ProgramFile> program_;
    VirtAddr headers_{};
    VirtAddr interpreter_base_{};
};

/// `wanted_by`: the file that names `path` as its interpreter, or null.
Result<RefPtr<vfs::File>> Loader::open(const char* path, const char* wanted_by) {
    auto file = request_.opener->open_program(path);
    if (file.ok()) return file;
    const bool missing = file.error() == Errc::not_found || file.error() == Errc::not_directory;
    const int status = missing ? FailureReport::not_found : FailureReport::not_runnable;
    if (wanted_by && missing)
        report_.say(status, "interpreter {} of {} not found in the image", path, wanted_by);
    else if (missing)
        report_.say(status, "program not found: {}", path);
    else if (file.error() == Errc::access)
        report_.say(status, "permission denied: {} is no file that may be executed", path);
    else
        report_.say(status, "{} cannot be opened", path);
    return file.error();
}

/// True when `file` is a script: `path` is its interpreter then, and the arguments name both.
// Not inlined: its buffer shall not lie below the rest of the loading.
[[gnu::noinline]] Result<bool> Loader::unwrap_script(vfs::File& file, Path& path) {
    char start[script_line_bytes];
    const std::size_t n = TRY(read_file(file, 0, start));
    if (!is_script({start, n})) return false;
    auto line = parse_script({start, n});
    if (!line.ok()) {
        report_.say(FailureReport::not_runnable, "the first line of {} names no interpreter",
                    static_cast<const char*>(path.text));
        return line.error();
    }
    const auto [interpreter, option] = line.value();
    TRY(request_.arguments->replace_program(interpreter, option, path.text));
    TRY(path.set(interpreter));
    return true;
}

Result<void> Loader::find_program() {
    auto path = TRY(make_own<Path>());
    auto script = TRY(make_own<Path>()); // who named `path`, once there is one
    TRY(path->set(request_.path));
    RefPtr<vfs::File> file =
        request_.file ? request_.file : TRY(open(path->text, /*wanted_by=*/nullptr));
    for (unsigned depth = 0;; depth++) {
        TRY(script->set(path->text));
        if (!TRY(unwrap_script(*file, *path))) break;
        if (depth == max_script_depth) {
            report_.say(FailureReport::not_runnable, "{} is a script of scripts, too many levels",
                        request_.path);
            return Errc::symlink_loop;
        }
        scripts_[depth] = std::move(file);
        file = TRY(open(path->text, script->text));
    }
    program_ = TRY(examine(std::move(file), path->text, Part::program, report_));
    return {};
}

Result<void> Loader::find_interpreter() {
    const elf::FileRange name = program_->plan.interpreter;
    if (name.size == 0) return {};
    auto path = TRY(make_own<Path>());
    const std::size_t n =
        TRY(read_file(*program_->file, name.offset, std::span(path->text).first(name.size)));
    if (n != name.size || path->text[n - 1] != '\0' || path->text[0] == '\0') {
        report_.say(FailureReport::not_runnable, "{} {}", request_.path,
                    elf::describe(elf::Flaw::interpreter_name));
        return Errc::not_executable;
    }
    interpreter_file_ = TRY(open(path->text, request_.path));
    interpreter_ = TRY(examine(interpreter_file_, path->text, Part::interpreter, report_));
    return {};
}

Result<void> Loader::map_program() {
    const elf::LoadPlan& plan = program_->plan;
    const VirtAddr wish = places_.program(plan.end() - plan.begin());
    const Bias bias = TRY(choose_base(space_, plan, wish));
    TRY(map_segments(space_, *program_, bias));
    image_.entry = image_.start_pc = bias.of(plan.entry);
    if (plan.headers != 0) headers_ = bias.of(plan.headers);
    for (const elf::Segment& s : plan.loads()) {
        const VirtAddr begin = bias.of(s.vaddr), end = begin + s.file_size;
        if (s.exec && raw(image_.code_begin) == 0) image_.code_begin = begin;
        if (s.exec) image_.code_end = end;
        if (s.write && raw(image_.data_begin) == 0) image_.data_begin = begin;
        if (s.write) image_.data_end = end;
    }
    image_.brk_begin = places_.brk(bias.of(plan.end()));
    space_.set_break_start(image_.brk_begin);
    return {};
}

Result<void> Loader::map_interpreter() {
    if (!interpreter_) return {};
    const Bias bias = TRY(choose_base(space_, interpreter_->plan, VirtAddr{}));
    TRY(map_segments(space_, *interpreter_, bias));
    interpreter_base_ = bias.of(0);
    image_.start_pc = bias.of(interpreter_->plan.entry);
    return {};
}

Result<void> Loader::map_vdso() {
    const Vdso* vdso = installed_vdso();
    if (!vdso) return {};
    mm::MapRequest request;
    request.pages = PageCount{vdso->data_pages.n + vdso->code_pages.n};
    request.perm = arch::Perm::read;
    request.may = arch::Perm::read | arch::Perm::exec;
    // Private as on Linux. Nobody may write, so no copy ever parts it from what the kernel writes.
    request.object = vdso->pages;
    const VirtAddr at = TRY(space_.map(request));
    image_.vdso = at + vdso->data_pages.bytes();
    image_.signal_return = image_.vdso + vdso->signal_return;
    return space_.protect(image_.vdso, vdso->code_pages, arch::Perm::read | arch::Perm::exec);
}

AuxFacts Loader::facts() const {
    AuxFacts facts;
    facts.vdso = image_.vdso;
    facts.headers = headers_;
    facts.header_count = program_->plan.header_count;
    facts.interpreter_base = interpreter_base_;
    facts.entry = image_.entry;
    facts.uid = request_.uid;
    facts.euid = request_.euid;
    facts.gid = request_.gid;
    facts.egid = request_.egid;
    facts.secure = request_.secure;
    facts.hwcap = arch::hwcap();
    facts.hwcap2 = arch::hwcap2();
    facts.minimum_signal_stack = arch::minimum_signal_stack();
    return facts;
}

Result<void> Loader::map_stack(VirtAddr top, VirtAddr sp) {
    // Mapped a little beyond what is used already, as Linux does; the rest comes by faults.
    constexpr std::uint64_t extra = 128 * 1024;
    const VirtAddr begin = align_down(sp - extra, page_size);
    mm::MapRequest request;
    request.at = begin;
    request.pages = PageCount{(top - begin) >> page_shift};
    request.perm = arch::Perm::read | arch::Perm::write;
    if (program_->plan.executable_stack) request.perm = request.perm | arch::Perm::exec;
    request.placement = mm::Placement::fixed_free;
    request.grows_down = true;
    TRY(space_.map(request));
    image_.stack_end = top;
    const std::uint64_t limit = space_.limits().stack;
    const std::uint64_t room = top - mm::AddressSpace::user_begin;
    image_.stack_begin = align_down(top - (limit < room ? limit : room), page_size);
    if (begin < image_.stack_begin) image_.stack_begin = begin;
    return {};
}

[[gnu::noinline]] Result<void> Loader::make_stack() {
    struct UserSink final : StackSink {
        Result<void> put(VirtAddr at, const void* bytes, std::size_t count) override {
            return arch::copy_to_user(at, bytes, count);
        }
    } sink;
    StackRequest request;
    request.top = space_.stack_top();
    request.gap = places_.stack_gap();
    request.program = request_.path;
    request.random = request_.random;
    image_.stack = plan_stack(request, *request_.arguments, facts());
    image_.start_sp = image_.stack.sp;
    TRY(map_stack(request.top, image_.stack.sp));
    return write_stack(request, *request_.arguments, image_.stack, sink);
}

std::string_view reason(Errc errc) {
    switch (errc) {
    case Errc::no_memory: return "there is not enough memory";
    case Errc::too_big: return "its arguments and environment are too long";
    case Errc::io: return "the file cannot be read";
    case Errc::exists: return "it takes the place of its own stack";
    case Errc::name_too_long: return "its path is too long";
    default: return "its memory cannot be set up";
    }
}

} // namespace

Result<OwnPtr<ExecImage>> load(mm::AddressSpace& space, LoadRequest& request,
                               FailureReport& report) {
    DRUPE_ASSERT(request.arguments->argument_count() > 0);
    auto image = make_own<ExecImage>();
    Errc errc = image.error();
    if (image.ok()) {
        Loader loader(space, request, report, *image.value());
        auto done = loader.run();
        if (done.ok()) return image;
        errc = done.error();
    }
    if (report.text().empty())
        report.say(FailureReport::not_runnable, "{} cannot be started: {}", request.path,
                   reason(errc));
    return errc;
}

} // namespace drupe::exec
