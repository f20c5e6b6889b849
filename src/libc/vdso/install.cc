// SPDX-License-Identifier: BSD-2-Clause
// One copy of the object in RAM, shared by all programs: a page of clock data and the pages of
// code.
#include <drupe/exec/vdso.h>
#include <drupe/mm/frames.h>
#include <drupe/time/vdso_data.h>
#include <drupe/vdso/install.h>
#include <vdso_image.h>

#include <cstring>

namespace drupe::vdso {
namespace {

constexpr PageCount data_pages{1};
constexpr PageCount code_pages = PageCount::covering(sizeof image);

class Pages final : public mm::VmObject {
protected:
    std::uint64_t page_limit() const override { return data_pages.n + code_pages.n; }
};

/// A fresh zeroed page as page `index` of `pages`; the kernel's view of it.
Result<unsigned char*> add_page(mm::VmObject& pages, std::uint64_t index) {
    const PhysAddr frame = TRY(mm::alloc_zeroed_frame());
    auto added = pages.adopt_page(index, frame);
    // From here on the object's reference alone keeps it.
    mm::release_frame(frame);
    if (!added.ok()) return added.error();
    return static_cast<unsigned char*>(mm::phys_to_virt(frame));
}

Result<void> fill_code(mm::VmObject& pages, VirtAddr direct_entry) {
    for (std::size_t at = 0; at < sizeof image; at += page_size) {
        unsigned char* page = TRY(add_page(pages, data_pages.n + (at >> page_shift)));
        const std::size_t left = sizeof image - at;
        std::memcpy(page, image + at, left < page_size ? left : page_size);
        const std::uint64_t word = raw(direct_entry);
        if (at <= direct_entry_offset && direct_entry_offset < at + page_size)
            std::memcpy(page + (direct_entry_offset - at), &word, sizeof word);
    }
    return {};
}
static_assert(direct_entry_offset % sizeof(std::uint64_t) == 0, "the word lies in one page");

} // namespace

Result<void> install(VirtAddr direct_entry) {
    RefPtr<mm::VmObject> pages = TRY(make_ref<Pages>());
    void* data = TRY(add_page(*pages, 0));
    time::publish_to(*new (data) time::VdsoClock{});
    TRY(fill_code(*pages, direct_entry));
    exec::install_vdso({std::move(pages), data_pages, code_pages, signal_return_offset});
    return {};
}

} // namespace drupe::vdso
