// SPDX-License-Identifier: BSD-2-Clause
// The file itself: ELF header, one segment of notes, one for each mapping with as much of its
// memory as /proc/PID/coredump_filter says. Pages that nobody wrote become holes.
#include "core_dump.h"

#include <drupe/elf/format.h>
#include <drupe/mm/address_space.h>

namespace drupe::process {
namespace {

constexpr std::uint32_t segment_note = 4;
constexpr std::size_t chunk_pages = 512; // that one table maps

struct Load {
    VirtAddr begin, end;
    arch::Perm perm;
    std::uint64_t bytes; // in the file
    bool is_of_file;     // pages that are not in memory are brought in
};

class Writer {
public:
    Writer(const CoreDump& dump, vfs::File& file, std::uint64_t limit)
        : dump_(dump), process_(*dump.threads->user->process), image_(*process_.image), file_(file),
          limit_(limit) {}
    Result<void> run();

private:
    Result<void> find_loads();
    std::uint64_t bytes_of(const mm::RegionInfo& region);
    bool wants(CoreFilter kind) const { return (image_.core_filter & kind) != 0; }
    bool is_elf(VirtAddr at);
    Result<void> put(const void* from, std::size_t bytes, std::uint64_t offset);
    Result<void> put_headers(std::size_t notes, std::uint64_t memory_at);
    Result<void> put_memory(const Load& load, std::uint64_t offset);

    const CoreDump& dump_;
    Process& process_;
    Image& image_;
    vfs::File& file_;
    const std::uint64_t limit_;
    NoteBuffer loads_;
    std::size_t count_ = 0;
    RefPtr<mm::VmObject> vdso_;
    OwnPtr<std::array<std::byte, page_size>> page_;
};

bool Writer::is_elf(VirtAddr at) {
    std::array<std::byte, 4> magic{};
    return image_.space().read(at, magic).ok() && std::memcmp(magic.data(), "\177ELF", 4) == 0;
}

/// Memory of processes alone: its pages are no file's, or one's without a name.
bool has_no_name(const mm::RegionInfo& region) {
    if (!region.object || region.object->anonymous_number() != 0) return true;
    return region.file && vfs::File::of(*region.file).inode().nlink() == 0;
}

/// [linux] fs/coredump.c, vma_dump_size(). The first page of mapped programs is what debuggers know
/// their builds by.
std::uint64_t Writer::bytes_of(const mm::RegionInfo& region) {
    const std::uint64_t all = region.end - region.begin;
    if (vdso_ && region.object == vdso_) return all; // the kernel's own pages
    if (!region.is_dumped) return 0;
    if (region.sharing == mm::Sharing::shared)
        return wants(has_no_name(region) ? core_anonymous_shared : core_mapped_shared) ? all : 0;
    if (wants(core_anonymous_private) &&
        image_.space().residency(region.begin, {all >> page_shift}).anonymous.n != 0)
        return all;
    if (!region.file) return 0;
    if (wants(core_mapped_private)) return all;
    const bool may_be_program =
        wants(core_elf_headers) && region.first_page == 0 && has(region.perm, arch::Perm::read);
    if (!may_be_program) return 0;
    constexpr std::uint32_t executable = 0111;
    const bool is_program =
        (vfs::File::of(*region.file).inode().mode() & executable) != 0 || is_elf(region.begin);
    return is_program ? page_size : 0;
}

Result<void> Writer::find_loads() {
    mm::RegionInfo region{};
    if (raw(image_.vdso) != 0 && image_.space().region_above(image_.vdso, region))
        vdso_ = region.object;
    for (VirtAddr at{0}; image_.space().region_above(at, region); at = region.end) {
        loads_.put(
            Load{region.begin, region.end, region.perm, bytes_of(region), region.file != nullptr});
        count_++;
    }
    return loads_.has_failed() ? Result<void>{Errc::no_memory} : Result<void>{};
}

Result<void> Writer::put(const void* from, std::size_t bytes, std::uint64_t offset) {
    if (process_.is_exiting) return Errc::interrupted;
    if (offset + bytes > limit_) return Errc::file_too_large;
    vfs::IoBuffer buffer = vfs::IoBuffer::kernel(from, bytes);
    const std::size_t done = TRY(file_.write_at(buffer, offset, false));
    return done == bytes ? Result<void>{} : Errc::no_space;
}

Result<void> Writer::put_headers(std::size_t notes, std::uint64_t memory_at) {
    NoteBuffer out;
    elf::FileHeader head{};
    constexpr std::uint8_t ident[] = {0x7f, 'E', 'L', 'F', elf::class_64, elf::data_little, 1};
    std::copy(std::begin(ident), std::end(ident), head.ident);
    head.type = elf::type_core;
    head.machine = elf::machine_aarch64;
    head.version = 1;
    head.program_headers = head.header_size = sizeof head;
    head.program_header_size = sizeof(elf::ProgramHeader);
    head.program_header_count = static_cast<std::uint16_t>(count_ + 1);
    out.put(head);
    elf::ProgramHeader segment{};
    segment.type = segment_note;
    segment.offset = sizeof head + (count_ + 1) * sizeof segment;
    segment.file_size = notes;
    segment.align = 4;
    out.put(segment);
    const auto* loads = reinterpret_cast<const Load*>(loads_.data());
    for (const Load& load : std::span(loads, count_)) {
        segment = {};
        segment.type = elf::segment_load;
        if (has(load.perm, arch::Perm::read)) segment.flags |= elf::flag_read;
        if (has(load.perm, arch::Perm::write)) segment.flags |= elf::flag_write;
        if (has(load.perm, arch::Perm::exec)) segment.flags |= elf::flag_exec;
        segment.offset = memory_at;
        segment.vaddr = raw(load.begin);
        segment.file_size = load.bytes;
        segment.mem_size = load.end - load.begin;
        segment.align = page_size;
        memory_at += load.bytes;
        out.put(segment);
    }
    if (out.has_failed()) return Errc::no_memory;
    return put(out.data(), out.size(), 0);
}

Result<void> Writer::put_memory(const Load& load, std::uint64_t offset) {
    mm::AddressSpace& space = image_.space();
    std::uint64_t done = 0;
    // Nothing is there in most of a large reservation: it is passed over in large steps.
    const auto is_empty = [&](std::uint64_t pages) {
        return (done >> page_shift) % pages == 0 && done + (pages << page_shift) <= load.bytes &&
               space.residency(load.begin + done, {pages}).present.n == 0;
    };
    mm::RegionInfo region{};
    const bool is_private = space.region_above(load.begin, region) &&
                            region.sharing == mm::Sharing::private_copy && !region.object;
    while (done < load.bytes) {
        if (is_private && is_empty(chunk_pages * chunk_pages)) {
            done += chunk_pages * chunk_pages << page_shift;
            continue;
        }
        if (is_private && is_empty(chunk_pages)) {
            done += chunk_pages << page_shift;
            continue;
        }
        // Whatever its protection: what a program hid is worth seeing, too.
        if (space.read_present(load.begin + done, *page_) ||
            (load.is_of_file && space.read(load.begin + done, *page_).ok()))
            TRY(put(page_->data(), page_size, offset + done));
        done += page_size;
    }
    return {};
}

Result<void> Writer::run() {
    NoteBuffer notes;
    TRY(write_notes(dump_, notes));
    TRY(find_loads());
    page_ = TRY((make_own<std::array<std::byte, page_size>>()));
    const std::uint64_t notes_at =
        sizeof(elf::FileHeader) + (count_ + 1) * sizeof(elf::ProgramHeader);
    std::uint64_t offset = align_up(notes_at + notes.size(), page_size);
    TRY(put_headers(notes.size(), offset));
    TRY(put(notes.data(), notes.size(), notes_at));
    const auto* loads = reinterpret_cast<const Load*>(loads_.data());
    for (const Load& load : std::span(loads, count_)) {
        TRY(put_memory(load, offset));
        offset += load.bytes;
    }
    if (offset > limit_) return Errc::file_too_large;
    return file_.truncate(offset); // the last pages may be a hole
}

} // namespace

Result<void> write_core(const CoreDump& dump, vfs::File& file, std::uint64_t limit) {
    return Writer(dump, file, limit).run();
}

} // namespace drupe::process
