// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/program.h>

#include "use_space.h"

#include <drupe/arch/user_context.h>
#include <drupe/process/lifecycle.h>

#include <algorithm>

namespace drupe::process {
namespace {

/// The loader writes a new program's memory as if it were the running thread's.
class BorrowedSpace {
public:
    explicit BorrowedSpace(mm::AddressSpace& space) : own_(sched::current().address_space) {
        use_space(&space);
    }
    ~BorrowedSpace() { use_space(own_); }
    BorrowedSpace(const BorrowedSpace&) = delete;
    BorrowedSpace& operator=(const BorrowedSpace&) = delete;

private:
    mm::AddressSpace* own_;
};

void describe(Image& image, const exec::ExecImage& loaded) {
    image.executable = loaded.executable;
    image.entry = loaded.entry;
    image.code_begin = loaded.code_begin;
    image.code_end = loaded.code_end;
    image.data_begin = loaded.data_begin;
    image.data_end = loaded.data_end;
    image.stack_begin = loaded.stack_begin;
    image.stack_end = loaded.stack_end;
    image.arguments_begin = loaded.stack.arguments_begin;
    image.arguments_end = loaded.stack.arguments_end;
    image.environment_begin = loaded.stack.environment_begin;
    image.environment_end = loaded.stack.environment_end;
    image.vdso = loaded.vdso;
    image.signal_return = loaded.signal_return;
    image.auxv_words = std::min(loaded.stack.aux_words, image.auxv.size());
    std::copy_n(loaded.stack.aux.begin(), image.auxv_words, image.auxv.begin());
}

mm::SpaceLimits space_limits(const Limits& limits) {
    const auto soft = [&](Resource r) { return limits[static_cast<std::size_t>(r)].soft; };
    return {soft(Resource::address_space), soft(Resource::data), soft(Resource::stack)};
}

/// What exec never shares: others go on with the old program's.
struct Unshared {
    RefPtr<SignalActions> actions;
    RefPtr<vfs::FdTable> files;
};

Result<Unshared> unshare(Process& process, UserThread& self) {
    Unshared own{process.actions, self.files};
    // `own` and this thread, or its process, hold one reference each.
    if (process.actions->use_count() > 2) own.actions = TRY(process.actions->copy());
    if (self.files->use_count() > 2) own.files = TRY(self.files->clone());
    return own;
}

} // namespace

Result<LoadedProgram> load_program(exec::LoadRequest& request, const Limits& limits,
                                   exec::FailureReport& report) {
    LoadedProgram program;
    program.image = TRY(Image::create(TRY(mm::AddressSpace::create(request.layout))));
    Image& image = *program.image;
    image.space().set_limits(space_limits(limits));
    BorrowedSpace borrowed(image.space());
    const OwnPtr<exec::ExecImage> loaded = TRY(exec::load(image.space(), request, report));
    describe(image, *loaded);
    image.set_name(request.path);
    program.pc = loaded->start_pc;
    program.sp = loaded->start_sp;
    return program;
}

Result<void> replace_program(arch::TrapFrame& frame, exec::LoadRequest& request,
                             exec::FailureReport& report) {
    Process& process = current_process();
    UserThread& self = current_user();
    LoadedProgram program = TRY(load_program(request, process.limits, report));
    Unshared own = TRY(unshare(process, self));
    TRY(become_only_thread());
    program.image->core_filter = process.image->core_filter;
    {
        IrqGuard tasks{tasks_lock()};
        IrqGuard timers{process.actions_lock};
        IrqGuard guard{process.actions->lock};
        std::swap(process.actions, own.actions);
        std::swap(self.files, own.files);
        self.context.files = self.files.get();
    }
    self.files->close_on_exec();
    adopt_image(std::move(program.image));
    arch::reset_user_context();
    frame = arch::first_user_frame(program.pc, program.sp);
    return {};
}

} // namespace drupe::process
