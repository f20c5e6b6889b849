// SPDX-License-Identifier: BSD-2-Clause
#include "program_file.h"

#include <drupe/mm/address_space.h>
#include <drupe/vfs/notify.h>

#include <cstdint>

namespace drupe::exec {
namespace {

constexpr elf::Bounds user_half{raw(mm::AddressSpace::user_begin), raw(mm::AddressSpace::user_end)};

/// A page on the heap: nothing this large goes on a kernel stack.
struct Buffer {
    Buffer() {} // not cleared: a page of zeros costs more than what goes into it
    static constexpr std::size_t size = page_size;
    char bytes[size];
    std::span<const std::byte> first(std::size_t n) const {
        return std::as_bytes(std::span<const char>(bytes, n));
    }
};

/// Runs of program headers longer than a page: rare enough to be read in one piece.
struct LongTable {
    LongTable() {}
    static constexpr std::size_t size = elf::Header::max_headers * 56;
    char bytes[size];
};

Result<std::uint64_t> size_of(vfs::File& file) { return file.seek(0, vfs::seek_end); }

Errc refuse(const char* name, Part part, elf::Flaw flaw, FailureReport& report) {
    report.say(FailureReport::not_runnable, "{}{} {}",
               part == Part::interpreter ? "interpreter " : "", name, elf::describe(flaw));
    return part == Part::interpreter ? Errc::bad_library : elf::to_errc(flaw);
}

Result<elf::Flaw> plan_long(vfs::File& file, const elf::Header& header, std::uint64_t file_bytes,
                            elf::LoadPlan& plan) {
    auto table = TRY(make_own<LongTable>());
    const std::size_t n =
        TRY(read_file(file, header.program_headers.offset, std::span(table->bytes)));
    return elf::plan_into(plan, header, std::as_bytes(std::span<const char>(table->bytes, n)),
                          file_bytes, user_half);
}

Result<elf::Flaw> plan_file(vfs::File& file, Buffer& start, elf::LoadPlan& plan) {
    const std::uint64_t file_bytes = TRY(size_of(file));
    const std::size_t n = TRY(read_file(file, 0, std::span(start.bytes)));
    const elf::Header header = elf::read_header(start.first(n), file_bytes);
    if (header.flaw != elf::Flaw::none) return header.flaw;
    const elf::FileRange& table = header.program_headers;
    if (table.offset + table.size > n) return plan_long(file, header, file_bytes, plan);
    return elf::plan_into(plan, header, start.first(n).subspan(table.offset, table.size),
                          file_bytes, user_half);
}

Result<bool> read_property(vfs::File& file, elf::FileRange notes, Buffer& buffer) {
    if (notes.size == 0) return false;
    const std::size_t n =
        TRY(read_file(file, notes.offset, std::span(buffer.bytes).first(notes.size)));
    return elf::has_branch_targets(buffer.first(n));
}

} // namespace

Result<std::size_t> read_file(vfs::File& file, std::uint64_t offset, std::span<char> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        auto buffer = vfs::IoBuffer::kernel(bytes.data() + done, bytes.size() - done);
        const std::size_t n = TRY(file.read_at(buffer, offset + done));
        if (n == 0) break;
        done += n;
    }
    if (done != 0) vfs::notify(file, vfs::notify_access);
    return done;
}

Result<OwnPtr<ProgramFile>> examine(RefPtr<vfs::File> file, const char* name, Part part,
                                    FailureReport& report) {
    auto found = TRY(make_own<ProgramFile>());
    auto start = TRY(make_own<Buffer>());
    const elf::Flaw flaw = TRY(plan_file(*file, *start, found->plan));
    if (flaw != elf::Flaw::none) return refuse(name, part, flaw, report);
    found->has_branch_targets = TRY(read_property(*file, found->plan.property, *start));
    found->pages = TRY(file->mappable(/*shared=*/false, /*writable=*/false));
    found->file = std::move(file);
    return found;
}

} // namespace drupe::exec
