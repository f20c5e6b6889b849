// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/image.h>

#include <drupe/mm/address_space.h>
#include <drupe/sched/cpu.h>
#include <drupe/vfs/file.h>

#include <algorithm>

namespace drupe::process {

Image::Image(OwnPtr<mm::AddressSpace> space) : space_(std::move(space)) {}
Image::~Image() {
    if (space_) sched::forget_address_space(*space_);
}
void Image::destroy(Image* image) { delete image; }

Result<RefPtr<Image>> Image::create(OwnPtr<mm::AddressSpace> space) {
    auto* image = new (std::nothrow) Image(std::move(space));
    if (!image) return Errc::no_memory;
    return RefPtr<Image>::adopt(image);
}

Result<RefPtr<Image>> Image::copy() {
    RefPtr<Image> fresh = TRY(create(TRY(space_->clone())));
    static_cast<Bounds&>(*fresh) = *this;
    fresh->executable = executable;
    fresh->name_ = name_;
    fresh->name_length_ = name_length_;
    return fresh;
}

void Image::set_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
    name_length_ = std::min(path.size(), name_.size() - 1);
    std::copy_n(path.data(), name_length_, name_.data());
}

} // namespace drupe::process
