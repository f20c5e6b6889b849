// SPDX-License-Identifier: BSD-2-Clause
#include "map_program.h"

#include <drupe/arch/user_access.h>

namespace drupe::exec {
namespace {

arch::Perm perm_of(const elf::Segment& segment) {
    arch::Perm perm = arch::Perm::none;
    if (segment.read) perm = perm | arch::Perm::read;
    if (segment.write) perm = perm | arch::Perm::write;
    if (segment.exec) perm = perm | arch::Perm::exec;
    return perm;
}

Result<void> map_pages(mm::AddressSpace& space, VirtAddr begin, VirtAddr end, arch::Perm perm,
                       const ProgramFile* program, std::uint64_t first_page) {
    if (begin == end) return {};
    mm::MapRequest request;
    request.at = begin;
    request.pages = PageCount{(end - begin) >> page_shift};
    request.perm = perm;
    // Segments that share a page: the later one has it, as on Linux.
    request.placement = mm::Placement::fixed;
    if (program) {
        request.object = program->pages;
        request.file = program->file;
    }
    request.first_page = first_page;
    TRY(space.map(request));
    return {};
}

Result<void> map_segment(mm::AddressSpace& space, const ProgramFile& program,
                         const elf::Segment& segment, Bias bias) {
    const VirtAddr begin = bias.of(segment.vaddr);
    const VirtAddr file_end = begin + segment.file_size;
    const VirtAddr end = begin + segment.mem_size;
    const VirtAddr first = align_down(begin, page_size);
    const VirtAddr file_pages_end = segment.file_size > 0 ? align_up(file_end, page_size) : first;
    const arch::Perm perm = perm_of(segment);
    TRY(map_pages(space, first, file_pages_end, perm, &program, segment.offset >> page_shift));
    TRY(map_pages(space, file_pages_end, align_up(end, page_size), perm, nullptr, 0));
    // The rest of the last page of the file holds the file's next bytes, where .bss must be zero.
    // A segment that nobody may write has no variables there to be zero.
    const std::uint64_t tail = file_pages_end - file_end;
    if (segment.mem_size > segment.file_size && segment.file_size > 0 && segment.write && tail > 0)
        if (arch::clear_user_raw(file_end, tail) != 0) return Errc::fault;
    return {};
}

/// A range of the size of `plan`, aligned as it wants. Nothing is left mapped there.
Result<VirtAddr> find_room(mm::AddressSpace& space, const elf::LoadPlan& plan) {
    const std::uint64_t size = plan.end() - plan.begin();
    mm::MapRequest request;
    request.pages = PageCount{(size + plan.alignment - page_size) >> page_shift};
    const VirtAddr at = TRY(space.map(request));
    TRY(space.unmap(at, request.pages));
    return at;
}

} // namespace

Result<Bias> choose_base(mm::AddressSpace& space, const elf::LoadPlan& plan, VirtAddr wish) {
    if (!plan.movable) return Bias{};
    const VirtAddr room = raw(wish) != 0 ? wish : TRY(find_room(space, plan));
    // The alignment holds for the address that the file calls 0.
    const std::uint64_t misfit = plan.begin() & (plan.alignment - 1);
    VirtAddr base = align_down(room, plan.alignment) + misfit;
    if (base < room) base = base + plan.alignment;
    return Bias{raw(base) - plan.begin()};
}

Result<void> map_segments(mm::AddressSpace& space, const ProgramFile& program, Bias bias) {
    for (const elf::Segment& segment : program.plan.loads())
        TRY(map_segment(space, program, segment, bias));
    return {};
}

} // namespace drupe::exec
